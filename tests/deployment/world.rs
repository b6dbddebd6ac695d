//! Builds the world of these tests: a stand-in for Heroku with the council's apps, and databases
//! for production and staging on a real server.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::runtime::Runtime;

use crate::command::{Bcops, Run};
use crate::standins::heroku::{HerokuStandIn, Options};
use crate::support::postgres::Cluster;

pub const PRODUCTION: &str = "buckinghamshire-production";
pub const STAGING: &str = "buckinghamshire-staging";
pub const CONTENT_PREP: &str = "buckinghamshire-content-prep";

const PEOPLE: &str = "CREATE TABLE person (id serial PRIMARY KEY, name text NOT NULL); \
     INSERT INTO person (name) SELECT 'Ann Canary ' || n FROM generate_series(1, 50) n";

const MANIFEST: &str = "schema_version = 1\n[tables.person]\nclass = \"personal\"\n\
     operational = [\"id\"]\npersonal = [\"name\"]\n\
     [tables.person.policy.any]\nset = { name = \"User {id}\" }\n";

pub struct World {
    pub heroku: HerokuStandIn,
    pub bcops: Bcops,
    pub cluster: &'static Cluster,
    pub production: String,
    pub staging: String,
    pub runtime: Runtime,
}

impl World {
    /// Only the servers distinguish the two databases: both URLs are set by hand.
    pub fn new() -> World {
        let runtime = Runtime::new().expect("a runtime");
        let heroku = runtime.block_on(HerokuStandIn::start(Options::default()));
        for app in [PRODUCTION, STAGING, CONTENT_PREP, "buckinghamshire-dev"] {
            heroku.add_app(app, &[]);
        }
        let cluster = Cluster::shared();
        let (production, staging) = (people(cluster, "live"), people(cluster, "test"));
        heroku.set_config_var(PRODUCTION, "DATABASE_URL", &url(cluster, &production));
        heroku.set_config_var(STAGING, "DATABASE_URL", &url(cluster, &staging));
        let mut bcops = Bcops::new();
        bcops.set("HEROKU_HOST", &heroku.url);
        bcops.set("HEROKU_DATA_HOST", &heroku.url);
        bcops.set("HEROKU_API_KEY", heroku.token());
        bcops.set("BCOPS_LOCAL_DATABASE_URL", &cluster.url("nobodys"));
        let manifest = bcops.write("people.toml", MANIFEST);
        bcops.set("BCOPS_SCRUB_MANIFEST", manifest.to_str().expect("a path"));
        World { heroku, bcops, cluster, production, staging, runtime }
    }

    pub fn set(&self, app: &str, name: &str, value: &str) {
        self.heroku.set_config_var(app, name, value);
    }

    pub fn scrub(&self) -> Run {
        self.bcops.run(&["scrub-pii", "staging", "--confirm", STAGING])
    }

    /// How many people still have their names.
    pub fn people_left(&self, cluster: &Cluster, database: &str) -> usize {
        let sql = "SELECT count(*) FROM person WHERE name LIKE 'Ann Canary%'";
        cluster.psql(database, sql).parse().expect("a number")
    }

    /// Checks that staging's database is refused as production's, and that nothing has changed.
    #[track_caller]
    pub fn assert_refused(&self, words: &[&str]) {
        self.scrub().fails(4, &[&["nothing was changed"], words].concat());
        assert_eq!(self.people_left(self.cluster, &self.production), 50);
    }
}

/// A database with people in it.
pub fn people(cluster: &Cluster, prefix: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let name = format!("{prefix}_people_{:03}", NUMBER.fetch_add(1, Ordering::Relaxed));
    cluster.psql("postgres", &format!("CREATE DATABASE {name}"));
    cluster.psql(&name, PEOPLE);
    name
}

pub fn url(cluster: &Cluster, database: &str) -> String {
    format!("{}?sslmode=disable", cluster.url(database))
}

/// The same through another port.
pub fn by_port(port: u16, database: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/{database}?sslmode=disable")
}
