//! Tests thousands of generated configurations: all that lead to protected resources are refused,
//! and no harmless ones.

use std::fs;
use std::path::Path;

use bcops::deployment::Deployments;
use bcops::events::Silent;
use bcops::failure::{CommandError, FailureKind};
use bcops::settings::{ProcessEnv, Settings};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::databases::Pooler;
use super::world::{PRODUCTION, STAGING, World, url};
use crate::standins::elasticsearch::{ElasticsearchStandIn, Options as SearchOptions};
use crate::standins::s3::{Key, Options, Right, S3StandIn};
use crate::support::forward::Forward;
use crate::support::redis::RedisServer;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Database,
    Redis,
    Search,
    Bucket,
}

/// One resource of one side, in one spelling, in one variable of staging.
#[derive(Debug, Clone)]
struct Generated {
    what: What,
    is_productions: bool,
    /// One of the addresses that lead there.
    way: usize,
    host: usize,
    /// One of the logins that open it.
    login: usize,
    variable: usize,
    scheme: usize,
    encode: bool,
    query: usize,
}

fn generated() -> impl Strategy<Value = Generated> {
    let what = prop_oneof![
        3 => Just(What::Database),
        2 => Just(What::Redis),
        2 => Just(What::Search),
        1 => Just(What::Bucket),
    ];
    let numbers = (0..4usize, 0..6usize, 0..3usize, 0..4usize, 0..4usize, 0..4usize);
    (what, any::<bool>(), numbers, any::<bool>()).prop_map(
        |(what, is_productions, (way, host, login, variable, scheme, query), encode)| Generated {
            what,
            is_productions,
            way,
            host,
            login,
            variable,
            scheme,
            encode,
            query,
        },
    )
}

const HOSTS: [&str; 6] = ["127.0.0.1", "localhost", "LOCALHOST", "localhost.", "0.0.0.0", "127.1"];

struct Servers {
    world: World,
    redis: [RedisServer; 2],
    search: [ElasticsearchStandIn; 2],
    s3: S3StandIn,
    /// Ports that lead to Postgres, to each Redis, each cluster and to S3.
    forwards: Vec<Forward>,
    pooler: Option<Pooler>,
}

fn port_of(address: &str) -> u16 {
    address.rsplit(':').next().unwrap_or_default().parse().expect("a port")
}

impl Servers {
    fn new() -> Servers {
        let world = World::new();
        let redis = [RedisServer::start(), RedisServer::start()];
        for server in &redis {
            let rights =
                ["ACL", "SETUSER", "second", "on", ">a-long-second-password", "~*", "+@all"];
            server.run::<()>(0, &rights);
        }
        let start = |user: &str| {
            let options = SearchOptions { user: user.to_owned(), ..SearchOptions::default() };
            world.runtime.block_on(ElasticsearchStandIn::start(options))
        };
        let search = [start("live-user"), start("test-user")];
        search[0].fill("wagtail__page", 1);
        search[1].fill("wagtail__page", 1);
        let key = |access_key| Key {
            access_key,
            secret_key: "s3-secret-key",
            rights: vec![("live-media", Right::Write), ("test-media", Right::Write)],
        };
        let s3 = world.runtime.block_on(S3StandIn::start(Options {
            port: 0,
            buckets: vec!["live-media", "test-media"],
            keys: vec![key("key-live"), key("key-test"), key("key-third")],
            checksum_by_default: true,
            keep_log: false,
        }));
        for number in 0..5 {
            s3.put("live-media", &format!("images/{number}.jpg"), vec![number; 9]);
            s3.put("test-media", &format!("images/{}.jpg", number + 3), vec![number; 9]);
        }
        world.cluster.psql("postgres", "CREATE ROLE generated_login SUPERUSER LOGIN");
        let ports = [
            world.cluster.port(),
            port_of(&redis[0].url()),
            port_of(&redis[1].url()),
            port_of(&search[0].place),
            port_of(&search[1].place),
            port_of(&s3.url),
        ];
        let forwards = ports.into_iter().map(Forward::to).collect();
        let (live, test) = (world.production.clone(), world.staging.clone());
        let names = [(live.as_str(), live.as_str()), (test.as_str(), test.as_str())];
        let pooler = Pooler::start(world.cluster, "transaction", &names);
        Servers { world, redis, search, s3, forwards, pooler }
    }

    /// Production and staging as they should be.
    fn put_right(&self) {
        let world = &self.world;
        for (app, number) in [(PRODUCTION, 0), (STAGING, 1)] {
            let database = [&world.production, &world.staging][number];
            let bucket = ["live-media", "test-media"][number];
            for (name, value) in [
                ("DATABASE_URL", url(world.cluster, database)),
                ("REDIS_URL", self.redis[number].url()),
                ("BONSAI_URL", self.search[number].url()),
                ("AWS_STORAGE_BUCKET_NAME", bucket.to_owned()),
                ("AWS_ACCESS_KEY_ID", ["key-live", "key-test"][number].to_owned()),
                ("AWS_SECRET_ACCESS_KEY", "s3-secret-key".to_owned()),
                ("AWS_ENDPOINT_URL_S3", self.s3.url.clone()),
            ] {
                world.set(app, name, &value);
            }
        }
    }

    /// Sets a variable of staging, and returns its name and value.
    fn apply(&self, one: &Generated) -> (String, String) {
        let host = HOSTS[one.host];
        let side = usize::from(!one.is_productions);
        let encoded = |text: &str| match one.encode {
            true => text.replace('e', "%65"),
            false => text.to_owned(),
        };
        let (name, value) = match one.what {
            What::Database => {
                let database = [&self.world.production, &self.world.staging][side];
                let own = self.world.cluster.port();
                let pooler = self.pooler.as_ref().map_or(own, |pooler| pooler.port);
                let port = [own, self.forwards[0].port, pooler, self.forwards[0].port][one.way];
                let user = ["postgres", "generated_login", "postgres"][one.login];
                // The pooler knows one user.
                let user = if one.way == 2 { "postgres" } else { user };
                let scheme =
                    ["postgres", "postgresql", "postgis", "postgresql+psycopg2"][one.scheme];
                let query = [
                    "sslmode=disable",
                    "sslmode=disable&connect_timeout=5",
                    "sslmode=disable&application_name=x",
                    "sslmode=disable&conn_max_age=60",
                ][one.query];
                let name = ["DATABASE_URL", "REPORTING_URL", "X", "OLD_DATABASE"][one.variable];
                (name, format!("{scheme}://{user}@{host}:{port}/{}?{query}", encoded(database)))
            }
            What::Redis => {
                let server = &self.redis[side];
                let own = port_of(&server.url());
                let tls = port_of(&server.tls_url());
                let forward = self.forwards[1 + side].port;
                let (scheme, port) =
                    [("redis", own), ("redis", forward), ("rediss", tls), ("redis", forward)]
                        [one.way];
                let password = server.url();
                let password =
                    password.split_once("://:").and_then(|(_, rest)| rest.split_once('@'));
                let password = password.expect("a password").0.to_owned();
                let login = [
                    format!(":{password}"),
                    format!("default:{password}"),
                    "second:a-long-second-password".to_owned(),
                ][one.login]
                    .clone();
                let tail = ["", "/0", "/1", "?db=3"][one.query];
                let name = ["REDIS_URL", "REDIS_TLS_URL", "CACHE_URL", "BROKER"][one.variable];
                // Only these names of loopback are allowed without encryption.
                let host = if one.host >= 3 { "localhost" } else { host };
                (name, format!("{scheme}://{login}@{host}:{port}{tail}"))
            }
            What::Search => {
                let server = &self.search[side];
                let own = port_of(&server.place);
                let port = [own, self.forwards[3 + side].port][one.way % 2];
                let user = ["live-user", "test-user"][side];
                let name = ["BONSAI_URL", "ELASTICSEARCH_URL", "SEARCHBOX_URL", "SITE_SEARCH_URL"]
                    [one.variable];
                let host = if one.host >= 3 { "localhost" } else { host };
                let tail = ["", "/", "/?x=1", ""][one.query];
                (name, format!("http://{}:bonsai-password@{host}:{port}{tail}", encoded(user)))
            }
            What::Bucket => {
                let bucket = ["live-media", "test-media"][side];
                let host = ["127.0.0.1", "localhost", "LOCALHOST"][one.host % 3];
                let port = [port_of(&self.s3.url), self.forwards[5].port][one.way % 2];
                let tail = ["", "/"][one.query % 2];
                self.world.set(
                    STAGING,
                    "AWS_ENDPOINT_URL_S3",
                    &format!("http://{host}:{port}{tail}"),
                );
                let key = ["key-test", "key-third", "key-live"][one.login];
                self.world.set(STAGING, "AWS_ACCESS_KEY_ID", key);
                ("AWS_STORAGE_BUCKET_NAME", bucket.to_owned())
            }
        };
        self.world.set(STAGING, name, &value);
        (name.to_owned(), value)
    }
}

/// Opens staging for writing, and requests everything that a command could.
async fn open(settings: &Settings, home: &Path) -> Result<(), CommandError> {
    let deployments = Deployments { settings, reporter: &Silent, home: Some(home) };
    let destination = settings.environments["staging"].as_destination()?;
    let writing = deployments.writing(&destination).await?;
    writing.database().await?;
    writing.cache().await?;
    writing.cluster().await?;
    writing.bucket(None, 1).await?;
    writing.all_of_a_dyno()
}

#[test]
fn every_way_to_a_protected_resource_is_refused_and_no_harmless_one() {
    let servers = Servers::new();
    let home = servers.world.bcops.directory().join("home");
    let machine = servers.world.heroku.url.trim_start_matches("http://").to_owned();
    let netrc = format!("machine {machine}\nlogin x\npassword {}\n", servers.world.heroku.token());
    fs::write(home.join(".netrc"), netrc).expect("written");
    let variable = |name: &str| match name {
        "HEROKU_HOST" | "HEROKU_DATA_HOST" => Some(servers.world.heroku.url.clone()),
        _ => None,
    };
    let settings = Settings::load(&ProcessEnv {
        variable: &variable,
        working_directory: &home,
        home: Some(&home),
        config_file: None,
    })
    .expect("settings");
    // A number above 1 is the number of cases.
    let soak = std::env::var("BCOPS_SOAK").ok();
    let cases = soak.map_or(100, |soak| soak.parse().ok().filter(|n| *n > 1).unwrap_or(10_000));
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
    let (refused, passed) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let result = TestRunner::new(config).run(&generated(), |one| {
        servers.put_right();
        let (name, value) = servers.apply(&one);
        let outcome = servers.world.runtime.block_on(open(&settings, &home));
        // Removes the change.
        servers.world.set(STAGING, &name, "");
        match (&outcome, one.is_productions) {
            (Err(error), true) => {
                prop_assert!(error.kind == FailureKind::Refused, "{one:?} {value}: {error}");
                refused.set(refused.get() + 1);
            }
            (Ok(()), false) => passed.set(passed.get() + 1),
            (Ok(()), true) => prop_assert!(false, "{one:?} {name}={value} passed"),
            (Err(error), false) => {
                prop_assert!(false, "{one:?} {name}={value}: {error} {:?}", error.causes());
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    eprintln!("{} refused, {} passed", refused.get(), passed.get());
}
