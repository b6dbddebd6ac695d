//! Tests `bcops doctor`: everything passes in a good world, and each broken part has a line with
//! its fix.

mod git;
pub mod reading;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::Run;
use crate::heroku::world::{PRODUCTION, STAGING};
use crate::pull_data::world::{COMPLETED, CONTENT_PREP, DEV, HOUR, World, sample};
use crate::screens::assert_screen;
use crate::standins::heroku::{Fault, Options, Outcome, Rule};
use crate::support::postgres::Cluster;

/// Every app has a database that answers.
fn connected_world() -> World {
    static DATABASES: LazyLock<Vec<String>> =
        LazyLock::new(|| (0..4).map(|_| Cluster::shared().create_database("of_doctor")).collect());
    let world = World::empty(Options::default());
    for (app, database) in [PRODUCTION, STAGING, CONTENT_PREP, DEV].into_iter().zip(&*DATABASES) {
        let url = format!("{}?sslmode=disable", world.cluster.url(database));
        world.standin.set_config_var(app, "DATABASE_URL", &url);
    }
    world
}

/// Every app has a fresh backup too.
pub fn good_world() -> World {
    let world = connected_world();
    for app in [PRODUCTION, STAGING, CONTENT_PREP, DEV] {
        world.standin.add_backup(app, &sample().small, 5 * HOUR, COMPLETED);
    }
    world
}

/// Checks that exactly this check fails, with these words, and that its fix names this.
#[track_caller]
fn assert_broken(world: &World, check: &str, detail: &str, mend: &str) {
    let run = world.bcops.run(&["doctor"]).exits(3);
    let failed: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("fail ")).collect();
    assert_eq!(failed.len(), 1, "{}", run.printed());
    assert!(failed[0].contains(check), "{}", run.printed());
    assert!(run.stdout.contains(detail), "{}", run.printed());
    let line = run.stdout.lines().find(|line| line.contains("fix:"));
    assert!(line.is_some_and(|line| line.contains(mend)), "{}", run.printed());
    assert!(run.stdout.contains("1 check failed"), "{}", run.printed());

    let document = world.bcops.run(&["doctor", "--json"]).exits(3).json();
    assert_eq!((&document["status"], &document["result"]["failed"]), (&"failed".into(), &1.into()));
    let checks = document["result"]["checks"].as_array().expect("checks");
    let failed: Vec<&Value> = checks.iter().filter(|one| one["verdict"] == "fail").collect();
    assert_eq!((failed.len(), &failed[0]["name"]), (1, &check.into()));
    assert!(failed[0]["mend"].as_str().is_some_and(|text| text.contains(mend)), "{document}");
    assert_eq!(world.databases(), "", "a doctor changes nothing");
}

#[track_caller]
pub fn assert_lines(run: &Run, lines: &[&str]) {
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let fits = |found: &str| words.iter().all(|word| found.contains(word));
        assert!(run.stdout.lines().any(fits), "no line with `{line}`:\n{}", run.printed());
    }
}

#[test]
fn all_is_well_in_a_good_world() {
    let world = good_world();
    let run = world.bcops.run(&["doctor"]).exits(0);
    assert_screen("doctor", &run.stdout);
    let document = world.bcops.run(&["doctor", "--json"]).exits(0).json();
    assert_eq!((&document["command"], &document["status"]), (&"doctor".into(), &"ok".into()));
    assert_eq!(document["result"]["failed"], 0);
    assert!(!world.bcops.state_directory().exists(), "a doctor writes nothing");
    assert!(world.standin.requests().iter().all(|request| request.method == "GET"));
}

/// With what its commands need from production, and nothing else.
#[test]
fn one_environment_is_checked_with_its_source() {
    let world = good_world();
    let run = world.bcops.run(&["doctor", "staging"]).exits(0);
    for line in ["pass staging backups", "pass production backups", "pass production database"] {
        assert_lines(&run, &[line]);
    }
    for other in ["content-prep", "dev ", "production search", "production front-end"] {
        assert!(!run.stdout.contains(other), "{other}: {}", run.printed());
    }
    let run = world.bcops.run(&["doctor", "production"]).exits(0);
    assert_lines(&run, &["pass production backups", "skip git only the reset"]);
    assert!(!run.stdout.contains("staging"), "{}", run.printed());
    world.bcops.run(&["doctor", "nowhere"]).fails(2, &["nowhere", "content-prep"]);
}

#[test]
fn the_local_server_and_its_role() {
    let mut world = good_world();
    let role = format!("role_of_{}", world.target);
    world.cluster.psql("postgres", &format!("CREATE ROLE {role} LOGIN"));
    let url = world.cluster.url(&world.target);
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &url.replace("postgres@", &format!("{role}@")));
    assert_broken(&world, "local role", &role, "CREATEDB");
    world.cluster.psql("postgres", &format!("DROP ROLE {role}"));
    assert_broken(&world, "local database", "does not exist", "BCOPS_LOCAL_DATABASE_URL");
    for (url, detail) in [
        ("postgres://u:db-password@127.0.0.1:1/bc", "127.0.0.1:1"),
        ("postgres://u:db-password@192.0.2.7/bc", "not on this machine"),
        ("mysql://u:db-password@127.0.0.1/bc", ""),
    ] {
        world.bcops.set("BCOPS_LOCAL_DATABASE_URL", url);
        assert_broken(&world, "local database", detail, "BCOPS_LOCAL_DATABASE_URL");
    }
}

#[test]
fn the_account() {
    let mut world = good_world();
    world.standin.misbehave(Rule::times(2, "/account", Fault::TwoFactor));
    assert_broken(&world, "Heroku account", "two-factor", "HEROKU_API_KEY");
    world.bcops.unset("HEROKU_API_KEY");
    assert_broken(&world, "Heroku token", "cannot find a Heroku token", "heroku login");
    world.bcops.set("HEROKU_API_KEY", "HRKU-of-somebody-else");
    let run = world.bcops.run(&["doctor"]).exits(3);
    assert_lines(&run, &["fail Heroku account 401", "fail production 401"]);
    assert!(!run.printed().contains("HRKU-of-somebody-else"), "{}", run.printed());
}

#[test]
fn apps_and_their_databases() {
    let world = good_world();
    world.bcops.describe_the_council("app = \"buckinghamshire-dev\"", "app = \"bucks-dev\"");
    assert_broken(&world, "dev", "no app bucks-dev", "environments.dev.app");
    let file = "[environments.dev.config_vars]\ndatabase_url = \"MAIN_DATABASE_URL\"\n";
    world.bcops.write("bcops.toml", file);
    let mend = "environments.dev.config_vars.database_url";
    assert_broken(&world, "dev database", "MAIN_DATABASE_URL", mend);
    world.bcops.write("bcops.toml", "");
    let path = format!("/apps/{DEV}/config-vars");
    world.standin.misbehave(Rule::times(2, &path, Fault::Forbidden));
    assert_broken(&world, "dev", "lacks permission", "doctor");
}

#[test]
fn backups_that_are_old_or_missing() {
    let world = connected_world();
    for app in [PRODUCTION, STAGING, CONTENT_PREP] {
        world.standin.add_backup(app, &sample().small, 5 * HOUR, COMPLETED);
    }
    world.standin.add_backup(DEV, &sample().small, HOUR, Outcome::Failed);
    assert_broken(&world, "dev backups", "no completed backup", "bcops pull-data dev --capture");
    world.standin.add_backup(DEV, &sample().small, 72 * HOUR, COMPLETED);
    assert_broken(&world, "dev backups", "b002", "bcops pull-data dev --capture");
    world.bcops.write("bcops.toml", "backup_max_age = \"7d\"\n");
    world.bcops.run(&["doctor"]).exits(0);
}

#[test]
fn a_database_that_does_not_answer() {
    let world = good_world();
    let url = "postgres://u:db-password@127.0.0.1:1/staging?sslmode=disable";
    world.standin.set_config_var(STAGING, "DATABASE_URL", url);
    let run = world.bcops.run(&["doctor", "staging"]).exits(3);
    assert_lines(&run, &["fail staging database 127.0.0.1:1", "fix: heroku pg:info --app"]);
}

#[test]
fn files_and_folders() {
    let mut world = good_world();
    world.bcops.write("bcops.toml", "[scrub]\nmanifest = \"mine.toml\"\n");
    assert_broken(&world, "scrub manifest", "mine.toml", "mine.toml");
    world.bcops.write("mine.toml", "schema_version = 1\nextends = \"built-in\"\n\ntabels = 1\n");
    assert_broken(&world, "scrub manifest", "mine.toml:4", "mine.toml");
    world.bcops.write("mine.toml", "schema_version = 1\nextends = \"built-in\"\n");
    world.bcops.run(&["doctor"]).exits(0);
    world.bcops.write("bcops.toml", "");
    let file = world.bcops.write("file", "");
    world.bcops.set("BCOPS_STATE_DIR", file.to_str().expect("a path"));
    assert_broken(&world, "state folder", "you are not allowed to write to ", "BCOPS_STATE_DIR");
    world.bcops.write("bcops.toml", "colour = \"blue\"\n");
    world.bcops.run(&["doctor"]).fails(3, &["bcops.toml:1", "`colour`"]);
}

#[test]
fn a_server_that_never_answers_delays_no_other_check() {
    let world = good_world();
    world.standin.misbehave(Rule::always(&format!("/apps/{DEV}"), Fault::Hang));
    let started = Instant::now();
    let run = world.bcops.run(&["doctor"]).exits(3);
    // One limit in total, and not one for each request that hangs.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_lines(
        &run,
        &["pass local database", "pass staging backups", "fail dev no answer within 10 s"],
    );
    assert!(run.stdout.contains("1 check failed"), "{}", run.printed());
}

#[test]
fn the_address_for_messages() {
    let mut world = good_world();
    world.bcops.set("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/s3-secret-key");
    let run = world.bcops.run(&["doctor"]).exits(0);
    assert_lines(&run, &["pass Slack hooks.slack.com"]);
    for (url, detail) in [("hooks", "is not a URL"), ("http://hooks.slack.com/x", "not encrypted")]
    {
        world.bcops.set("SLACK_WEBHOOK_URL", url);
        assert_broken(&world, "Slack", detail, "SLACK_WEBHOOK_URL");
    }
}

#[test]
fn a_search_cluster_that_does_not_answer() {
    let world = good_world();
    world.standin.set_config_var(STAGING, "BONSAI_URL", "http://u:bonsai-password@127.0.0.1:1");
    assert_broken(&world, "staging search", "127.0.0.1:1", "bcops search open");
}

/// The servers answer at once, so this measures the checks themselves, which run in parallel.
#[test]
fn fast_servers_make_a_fast_doctor() {
    let world = good_world();
    let took = |_| {
        let started = Instant::now();
        world.bcops.run(&["doctor"]).exits(0);
        started.elapsed()
    };
    let fastest = (0..5).map(took).min().expect("five of them");
    assert!(fastest < Duration::from_millis(1500), "{fastest:?}");
}
