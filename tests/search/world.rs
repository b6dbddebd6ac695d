//! Builds the world for tests of `search`: the council's apps at the Heroku stand-in, search
//! clusters for staging and production, and a site database for staging.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::command::Run;
use crate::heroku::world::{PRODUCTION, STAGING};
use crate::pull_data::world::World;
use crate::standins::elasticsearch::{ElasticsearchStandIn, Flavour, Options};
use crate::standins::heroku;

/// Some of the site's tables. `search` treats the others as missing.
const TABLES: &str = "CREATE TABLE wagtailcore_page (id serial PRIMARY KEY, live boolean); \
     INSERT INTO wagtailcore_page (live) SELECT n <> 3 FROM generate_series(1, 5) n; \
     CREATE TABLE utils_toptask (id serial PRIMARY KEY); \
     INSERT INTO utils_toptask SELECT FROM generate_series(1, 2); \
     CREATE TABLE wagtailimages_image (id serial PRIMARY KEY)";

/// The plan of the search add-on.
pub const PLAN: &str = "bonsai:sandbox";

pub struct SearchWorld {
    pub world: World,
    pub staging: ElasticsearchStandIn,
    pub production: ElasticsearchStandIn,
    _runtime: Runtime,
}

impl SearchWorld {
    /// Staging's index matches its database.
    pub fn new() -> SearchWorld {
        SearchWorld::of(Flavour::Elasticsearch)
    }

    pub fn of(flavour: Flavour) -> SearchWorld {
        let runtime = Runtime::new().expect("a runtime");
        let start = |user: &str| {
            let user = user.to_owned();
            let options = Options { flavour, user, ..Options::default() };
            runtime.block_on(ElasticsearchStandIn::start(options))
        };
        let (staging, production) = (start("staging-user"), start("production-user"));
        let mut world = World::empty(heroku::Options::default());
        world.cluster.psql("postgres", &format!("CREATE DATABASE {}", world.target));
        world.psql(TABLES);
        let url = format!("{}?sslmode=disable", world.cluster.url(&world.target));
        world.standin.add_database(STAGING, "DATABASE", &url);
        for (app, cluster) in [(STAGING, &staging), (PRODUCTION, &production)] {
            let var = ("BONSAI_URL", cluster.url());
            world.standin.add_addon(app, PLAN, "BONSAI", (var.0, &var.1));
            world.standin.set_config_var(app, var.0, &var.1);
        }
        let authority = world.bcops.write("authority.pem", &world.standin.authority_pem);
        world.bcops.set("SSL_CERT_FILE", authority.to_str().expect("a path"));
        staging.fill("wagtail__wagtailcore_page", 5);
        staging.fill("wagtail__utils_toptask", 2);
        staging.fill("wagtail__wagtailimages_image", 0);
        SearchWorld { world, staging, production, _runtime: runtime }
    }

    /// The dyno's command to build the index. It adds `$PAGES` and `$TASKS` documents, and does not
    /// refresh the index.
    pub fn reindex_with(&self, script: &str) -> PathBuf {
        let folder = self.world.bcops.directory().join("dyno");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("reindex.sh"), script).expect("a script");
        self.world.standin.run_commands_in(STAGING, &folder);
        self.world.bcops.write("bcops.toml", "[search]\nreindex_command = \"sh reindex.sh\"\n");
        folder
    }

    pub fn search(&self, arguments: &[&str]) -> Run {
        self.world.bcops.run(&[&["search"], arguments].concat())
    }

    pub fn reindex(&self, arguments: &[&str]) -> Run {
        self.search(&[&["reindex", "staging", "--confirm", STAGING], arguments].concat())
    }

    /// Whether anything was changed in any cluster, or a dyno started.
    pub fn is_untouched(&self) -> bool {
        let reads = |cluster: &ElasticsearchStandIn| {
            cluster.requests().iter().all(|request| request.method == "GET")
        };
        let dynos = self.world.standin.writes(STAGING);
        reads(&self.staging)
            && reads(&self.production)
            && dynos.iter().all(|request| !request.path.contains("dynos"))
    }
}

/// A script that deletes, makes and fills the indices of pages and tasks with this many documents,
/// as `update_index` does, without a refresh.
pub fn rebuilding(pages: u32, tasks: u32) -> String {
    format!(
        r#"set -e
ask() {{ curl -sS -H 'Content-Type: application/json' -X "$1" "$BONSAI_URL/$2" -d "$3" >/dev/null; }}
rebuild() {{
    echo "default: Rebuilding index wagtail__$1"
    ask DELETE "wagtail__$1" ''
    ask PUT "wagtail__$1" '{{}}'
    i=1
    while [ $i -le $2 ]; do
        ask PUT "wagtail__$1/_doc/$i" "{{\"pk\": \"$i\"}}"
        i=$((i + 1))
    done
    echo "default: indexed $2 objects"
}}
rebuild wagtailcore_page {pages}
rebuild utils_toptask {tasks}
"#
    )
}

/// The part of a document about one index.
#[track_caller]
pub fn index(document: &Value, name: &str) -> Value {
    let indices = document["result"]["indices"].as_array().expect("indices");
    let found = indices.iter().find(|one| one["name"] == name);
    found.unwrap_or_else(|| panic!("nothing is said of {name}: {document}")).clone()
}

/// The differences of a document, each with its index and kind.
#[track_caller]
pub fn differences(document: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let list = document["result"]["differences"].as_array().expect("differences").iter();
    list.map(|one| (text(&one["index"]), text(&one["kind"]))).collect()
}
