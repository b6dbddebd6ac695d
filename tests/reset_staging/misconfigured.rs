//! Tests staging settings that lead to a protected environment, in every way and spelling:
//! `reset-staging` refuses them before any change, also during a run.

use std::cell::RefCell;
use std::fs;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::deployment::repositories::RESET;
use crate::purge_cache::world::{BEARER, PRODUCTION_ZONE, STAGING_ZONE, TOKEN, ZONE};
use crate::reset_staging::fault_cases::{runs, wait_for_step};
use crate::reset_staging::world::{ProductionState, World};
use crate::standins::cloudflare::{CloudflareStandIn, Login, Plan};
use crate::standins::heroku::{Fault, Rule};
use crate::whole_site::{CONTENT_PREP, PRODUCTION, STAGING};

const CONTENT_PREP_ZONE: &str = "00112233445566778899aabbccddeeff";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Whose {
    Production,
    ContentPrep,
}

/// The way of a value into staging's configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    ConfigVar,
    Override,
    /// `bcops.toml` names another config var with the value.
    OtherVariable,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Wrong {
    App { by_id: bool },
    Database,
    Bucket,
    Zone,
    Redis,
    RedisTls,
    Cluster,
    Branch,
    Remote,
    PushUrl,
}

#[derive(Debug, Clone, Copy)]
struct Misconfiguration {
    whose: Whose,
    way: Way,
    wrong: Wrong,
    host: &'static str,
}

fn misconfigurations() -> impl Strategy<Value = Misconfiguration> {
    let whose = prop_oneof![Just(Whose::Production), Just(Whose::ContentPrep)];
    let way = prop_oneof![Just(Way::ConfigVar), Just(Way::Override), Just(Way::OtherVariable)];
    let wrong = prop_oneof![
        any::<bool>().prop_map(|by_id| Wrong::App { by_id }),
        Just(Wrong::Database),
        Just(Wrong::Bucket),
        Just(Wrong::Zone),
        Just(Wrong::Redis),
        Just(Wrong::RedisTls),
        Just(Wrong::Cluster),
        Just(Wrong::Branch),
        Just(Wrong::Remote),
        Just(Wrong::PushUrl),
    ];
    let host = prop_oneof![Just("127.0.0.1"), Just("localhost"), Just("LOCALHOST"), Just("[::1]")];
    (whose, way, wrong, host).prop_map(|(whose, way, wrong, host)| Misconfiguration {
        whose,
        way,
        wrong,
        host,
    })
}

struct Council {
    world: World,
    cloudflare: CloudflareStandIn,
    /// The apps' ids at Heroku.
    ids: [String; 2],
    config: String,
    production: ProductionState,
}

impl Council {
    /// Every environment has its own resource of each kind.
    fn new() -> Council {
        let mut world = World::new();
        let cloudflare = world.runtime().block_on(CloudflareStandIn::start(Plan::Pro, 10.0));
        cloudflare.add_login(Login::token(TOKEN));
        for (app, zone, name, port) in [
            (PRODUCTION, PRODUCTION_ZONE, "buckinghamshire.gov.uk", 6401),
            (STAGING, STAGING_ZONE, "staging.torchbox.com", 6402),
            (CONTENT_PREP, CONTENT_PREP_ZONE, "content-prep.torchbox.com", 6403),
        ] {
            cloudflare.add_zone(zone, name);
            let heroku = &world.whole.heroku;
            heroku.set_config_var(app, BEARER, TOKEN);
            heroku.set_config_var(app, ZONE, zone);
            // No server answers there, so Heroku names the owners.
            let redis = redis("127.0.0.1", port);
            heroku.add_addon(app, "heroku-redis:mini", "REDIS", ("REDIS_URL", &redis));
            let cluster = cluster("127.0.0.1", port + 100);
            heroku.add_addon(app, "bonsai:sandbox", "BONSAI", ("BONSAI_URL", &cluster));
        }
        world.bcops.set("CLOUDFLARE_BASE_URL", &cloudflare.url);
        let heroku =
            crate::heroku::world::client(&world.whole.heroku, crate::heroku::world::quick());
        let id = |app: &str| {
            world.runtime().block_on(async { heroku.app(app).await.expect("the app").id })
        };
        let ids = [id(PRODUCTION), id(CONTENT_PREP)];
        let (config, production) = (world.config(), world.production());
        Council { world, cloudflare, ids, config, production }
    }

    /// Sets the value of a config var of staging in this way.
    fn set(&mut self, way: Way, variable: &str, key: &str, value: &str) {
        let heroku = &self.world.whole.heroku;
        match way {
            Way::ConfigVar => heroku.set_config_var(STAGING, variable, value),
            Way::Override => self.world.bcops.set(&format!("BCOPS_STAGING_{variable}"), value),
            Way::OtherVariable => {
                heroku.set_config_var(STAGING, "ANOTHER", value);
                let text = format!("[environments.staging.config_vars]\n{key} = \"ANOTHER\"\n");
                self.world.bcops.write("bcops.toml", &text);
            }
        }
    }

    /// Returns the name to confirm.
    fn misconfigure(&mut self, wrong: Misconfiguration) -> String {
        let Misconfiguration { whose, way, wrong, host } = wrong;
        let (app, environment, zone, port, id) = match whose {
            Whose::Production => (PRODUCTION, "production", PRODUCTION_ZONE, 6401, 0),
            Whose::ContentPrep => (CONTENT_PREP, "content-prep", CONTENT_PREP_ZONE, 6403, 1),
        };
        let clone = self.world.bcops.directory().join("work");
        let repository = self.world.whole.code.app_repository(app).display().to_string();
        let git = |world: &World, arguments: &[&str]| _ = world.whole.code.git(&clone, arguments);
        match wrong {
            Wrong::App { by_id } => {
                let name = if by_id { self.ids[id].clone() } else { app.to_owned() };
                let app = format!("app = \"{name}\"");
                self.world.bcops.describe_the_council("app = \"buckinghamshire-staging\"", &app);
                return name;
            }
            Wrong::Database => {
                let url = self.world.whole.databases.url(environment).replace("127.0.0.1", host);
                self.set(way, "DATABASE_URL", "database_url", &url);
            }
            Wrong::Bucket => {
                let bucket = format!("bc-{environment}");
                self.set(way, "AWS_STORAGE_BUCKET_NAME", "bucket", &bucket);
            }
            Wrong::Zone => self.set(way, ZONE, "cloudflare_zone", zone),
            Wrong::Redis => self.set(way, "REDIS_URL", "redis_url", &redis(host, port)),
            Wrong::RedisTls => {
                let url = redis(host, port).replace("redis:", "rediss:");
                self.set(way, "REDIS_TLS_URL", "redis_tls_url", &url);
            }
            Wrong::Cluster => {
                self.set(way, "BONSAI_URL", "search_url", &cluster(host, port + 100));
            }
            Wrong::Branch => {
                // Content-prep may have none, and then production's counts for both.
                let branch = "branch = \"master\"";
                self.world.bcops.describe_the_council("branch = \"staging\"", branch);
            }
            Wrong::Remote => git(&self.world, &["remote", "set-url", "origin", &repository]),
            Wrong::PushUrl => {
                git(&self.world, &["remote", "set-url", "--push", "origin", &repository]);
            }
        }
        STAGING.to_owned()
    }

    /// Corrects everything again.
    fn mend(&mut self) {
        let heroku = &self.world.whole.heroku;
        let database = self.world.whole.databases.url("staging");
        for (name, value) in [
            ("DATABASE_URL", database.as_str()),
            ("AWS_STORAGE_BUCKET_NAME", "bc-staging"),
            (ZONE, STAGING_ZONE),
            ("REDIS_URL", &redis("127.0.0.1", 6402)),
            ("REDIS_TLS_URL", ""),
            ("BONSAI_URL", &cluster("127.0.0.1", 6502)),
            ("ANOTHER", ""),
        ] {
            heroku.set_config_var(STAGING, name, value);
            self.world.bcops.unset(&format!("BCOPS_STAGING_{name}"));
        }
        let work = self.world.bcops.directory().join("work");
        let _ = fs::remove_file(work.join("bcops.toml"));
        let origin = self.world.whole.code.origin().display().to_string();
        let code = &self.world.whole.code;
        code.git(&work, &["remote", "set-url", "origin", &origin]);
        code.try_git(&work, &["config", "--unset-all", "remote.origin.pushurl"]);
    }

    fn reset(&self, name: &str) -> crate::command::Run {
        let [words @ .., _] = &RESET;
        self.world.bcops(&[&words[..], &[name]].concat())
    }

    /// The state that proves that nothing was done.
    fn effects(&self) -> Vec<String> {
        let whole = &self.world.whole;
        let mut effects = whole.code.references(&whole.code.origin());
        for app in [PRODUCTION, STAGING, CONTENT_PREP] {
            let writes = whole.heroku.writes(app);
            effects.extend(writes.iter().map(|one| format!("{app}: {one:?}")));
            effects.extend(whole.code.references(&whole.code.app_repository(app)));
        }
        let objects = whole.s3.requests().into_iter().filter(|one| one.writes());
        effects.extend(objects.map(|one| format!("{one:?}")));
        effects.extend(self.cloudflare.purges().iter().map(|one| format!("{one:?}")));
        effects.extend(runs(&self.world));
        effects
    }
}

fn redis(host: &str, port: u16) -> String {
    format!("redis://:redis-password-{port}-of-chance@{host}:{port}")
}

fn cluster(host: &str, port: u16) -> String {
    format!("http://user-{port}:bonsai-password-{port}@{host}:{port}")
}

#[test]
fn no_resource_of_a_protected_environment_is_mistaken_for_stagings() {
    let council = Council::new();
    let before = council.effects();
    let fine = ["reset-staging", "--branches", "none", "--recreate-users", "none", "--dry-run"];
    council.world.bcops(&fine).exits(0);
    let config = council.config.clone();
    council.world.configure(&config);
    let council = RefCell::new(council);
    let cases = std::env::var_os("BCOPS_SOAK").map_or(60, |_| 400);
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 0,
        ..Config::default()
    });
    let result = runner.run(&misconfigurations(), |wrong| {
        let mut council = council.borrow_mut();
        let name = council.misconfigure(wrong);
        let run = council.reset(&name);
        council.mend();
        let printed = run.printed();
        prop_assert!(matches!(run.code, Some(3 | 4)), "{wrong:?}: {printed}");
        prop_assert!(run.stderr.contains("error: "), "{wrong:?}: {printed}");
        let effects = council.effects();
        prop_assert!(effects == before, "{wrong:?}: {effects:?}\n{printed}");
        run.exits(if printed.starts_with("exit Some(3)") { 3 } else { 4 });
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let council = council.borrow();
    assert!(council.world.production() == council.production);
}

#[test]
fn another_branch_of_a_protected_environment_is_refused_with_any_source() {
    let council = Council::new();
    let before = council.effects();
    // Deploying from dev does not affect the protection of master.
    council.world.bcops.describe_the_council("branch = \"staging\"", "branch = \"master\"");
    let run = ["reset-staging", "--from", "dev", "--attest", "agreed", "--branches", "none"];
    let more = ["--recreate-users", "none", "--confirm", STAGING];
    council
        .world
        .bcops(&[&run[..], &more[..]].concat())
        .fails(4, &["master", "which is protected"]);
    assert_eq!(council.effects(), before);
}

#[test]
fn an_override_that_is_another_database_is_refused() {
    let mut council = Council::new();
    let before = council.effects();
    let url = council.world.whole.databases.url("staging").replace("_staging?", "_other?");
    council.world.bcops.set("BCOPS_STAGING_DATABASE_URL", &url);
    council.reset(STAGING).fails(4, &["its override is", "unset BCOPS_STAGING_DATABASE_URL"]);
    assert_eq!(council.effects(), before);
}

/// The config var changes during a step's request. The next step that changes something checks
/// again.
#[test]
fn a_config_var_that_changes_during_a_run_stops_the_run() {
    let slow = || Fault::Slow(std::time::Duration::from_secs(3));
    for (variable, what) in [("DATABASE_URL", "database"), ("BONSAI_URL", "search cluster")] {
        let mut council = Council::new();
        let rule = Rule::once("/apps/", slow()).on("PATCH");
        council.world.whole.heroku.misbehave(rule);
        let arguments = ["reset-staging", "--attest", "agreed", "--branches", "none"];
        let more = ["--recreate-users", "none", "--confirm", STAGING];
        let running = council.world.start(&[&arguments[..], &more[..]].concat());
        wait_for_step(&council.world, "maintenance");
        let value = match variable {
            "DATABASE_URL" => council.world.whole.databases.url("production"),
            _ => cluster("localhost", 6501),
        };
        council.world.whole.heroku.set_config_var(STAGING, variable, &value);
        let run = running.finish();
        let text = format!("the destination's {what}");
        let run = run.fails(11, &[&text, "belongs to production", "bcops runs rollback"]);
        let id = runs(&council.world)[0].clone();
        let state = council.world.staging();
        assert!(state.maintenance && state.restores.is_empty(), "{}", run.printed());
        // The run can be neither resumed nor rolled back before that is fixed.
        council.world.bcops(&["runs", "resume", &id]).fails(4, &["belongs to production"]);
        let back = ["runs", "rollback", &id, "--confirm", STAGING];
        council.world.bcops(&back).fails(4, &["belongs to production"]);
        council.mend();
        council.world.bcops(&back).exits(0);
        assert!(!council.world.staging().maintenance);
        assert!(council.world.production() == council.production);
        assert!(council.world.whole.heroku.writes(PRODUCTION).is_empty());
    }
}
