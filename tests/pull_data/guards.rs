//! Tests what `bcops pull-data` refuses to write to, and what it needs to begin.

use std::time::{Duration, Instant};

use crate::heroku::world::{PRODUCTION, STAGING};
use crate::pull_data::world::{CONTENT_PREP, World, sample};
use crate::standins::heroku::{Fault, Rule};
use crate::support::wait;

/// Every spelling of the target's address that leads to the shared server.
fn spellings(world: &World) -> [String; 5] {
    let url = world.cluster.url(&world.target);
    [
        url.replace("127.0.0.1", "localhost"),
        url.replace("127.0.0.1", "[::1]"),
        url.replace("127.0.0.1", "LocalHost"),
        world.cluster.socket_url(&world.target),
        url,
    ]
}

#[test]
fn the_database_of_an_environment_is_refused_in_every_spelling() {
    let mut world = World::small().with_target();
    let theirs = world.cluster.url(&world.target).replace("postgres@", "u:db-password@");
    world.standin.set_config_var(PRODUCTION, "DATABASE_URL", &theirs);
    for spelling in spellings(&world) {
        world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &spelling);
        world.pull(&["--yes"]).fails(4, &["production", "DATABASE_URL", "nothing was changed"]);
        world.assert_untouched();
    }
    // By the name of another database of the same server.
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &world.cluster.url("postgres"));
    world.pull(&["--yes", "--target", &world.target]).fails(4, &["is the database of production"]);
    let refused = world.pull(&["--target", &world.target, "--yes", "--json"]).exits(4).json();
    assert_eq!(refused["error"]["kind"], "refused");
    assert!(!world.fetched());
    world.assert_untouched();
    // Another database on that server belongs to no environment.
    let other = format!("{}_other", world.target);
    world.pull(&["--target", &other]).exits(0);
}

#[test]
fn a_copied_config_var_is_recognized_under_any_name() {
    let world = World::small().with_target();
    let theirs = world.cluster.url(&world.target);
    for (app, variable) in [
        (STAGING, "OLD_DATABASE_FROM_BEFORE_THE_MOVE"),
        (CONTENT_PREP, "HEROKU_POSTGRESQL_RED_URL"),
        (PRODUCTION, "FOLLOWER_URL"),
    ] {
        world.standin.set_config_var(app, variable, &theirs);
        world.pull(&["--yes"]).fails(4, &[variable, app]);
        world.standin.set_config_var(app, variable, "");
    }
    world.assert_untouched();
}

#[test]
fn a_tunnel_to_an_environment_is_recognized_by_its_login() {
    let mut world = World::small().with_target();
    let theirs = format!("postgres://u8q2k5lexample1:db-password@192.0.2.7:5432/{}", world.target);
    world.standin.set_config_var(PRODUCTION, "DATABASE_URL", &theirs);
    let tunnel = world.cluster.url(&world.target).replace("postgres@", "u8q2k5lexample1@");
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &tunnel);
    world.pull(&["--yes"]).fails(4, &["is the database of production"]);
    world.assert_untouched();
}

#[test]
fn files_and_undo_are_guarded_too() {
    let world = World::small().with_target();
    world.cluster.psql("postgres", &format!("CREATE DATABASE {}", world.previous()));
    let before = world.databases();
    world.standin.set_config_var(STAGING, "DATABASE_URL", &world.cluster.url(&world.target));
    let file = sample().small.to_str().expect("a path");
    world.bcops.run(&["pull-data", "--file", file, "--yes"]).fails(4, &["staging"]);
    world.bcops.run(&["pull-data", "--undo", "--yes"]).fails(4, &["staging"]);
    assert_eq!(world.databases(), before);
}

#[test]
fn only_this_machine_is_written_to() {
    let mut world = World::small();
    for url in ["postgres://x:db-password@192.0.2.7/bc", "postgres://x@db.example.invalid:6000/bc"]
    {
        world.bcops.set("BCOPS_LOCAL_DATABASE_URL", url);
        world.pull(&["--yes"]).fails(4, &["is not on this machine", "local.allowed_hosts"]);
        world.bcops.run(&["pull-data", "--undo", "--yes"]).fails(4, &["is not on this machine"]);
    }
    // Once the host is listed, the only problem is that it does not answer.
    let allowed = "[local]\nallowed_hosts = [\"db.example.invalid\"]\n";
    world.bcops.write("bcops.toml", allowed);
    world.pull(&["--yes"]).fails(3, &["db.example.invalid:6000"]);
}

#[test]
fn an_unknown_environment_is_named_with_the_known_ones() {
    let world = World::small();
    let known = "content-prep, dev, production, staging";
    world.bcops.run(&["pull-data", "prodution"]).fails(2, &["`prodution`", known]);
    world.bcops.run(&["pull-prodution-data"]).exits(2);
    assert!(world.standin.requests().is_empty());
}

#[test]
fn without_a_good_token_nothing_begins() {
    let mut world = World::small().with_target();
    let token = world.standin.token().to_owned();
    world.bcops.unset("HEROKU_API_KEY");
    world.pull(&["--yes"]).fails(3, &["cannot find a Heroku token", "heroku login"]);
    world.bcops.set("HEROKU_API_KEY", "HRKU-of-somebody-else");
    let run = world.pull(&["--yes"]).fails(3, &["401", "heroku login"]);
    assert!(!run.printed().contains("HRKU-of-somebody-else"), "{}", run.printed());
    world.bcops.set("HEROKU_API_KEY", &token);
    for (fault, words) in [
        (Fault::Unauthorized, "401"),
        (Fault::TwoFactor, "two-factor"),
        (Fault::Forbidden, "lacks permission"),
        (Fault::NotFound, "cannot find"),
    ] {
        let path = format!("/apps/{PRODUCTION}/config-vars");
        world.standin.misbehave(Rule::once(&path, fault));
        world.pull(&["--yes"]).fails(3, &[words, PRODUCTION]);
    }
    world.assert_untouched();
    assert!(!world.fetched());
}

#[test]
fn an_unreadable_environment_is_reported() {
    let world = World::small();
    let path = format!("/apps/{CONTENT_PREP}/config-vars");
    world.standin.misbehave(Rule::always(&path, Fault::Forbidden));
    let done = world.pull(&[]).exits(0);
    done.says(&["could not be compared with the database of content-prep"]);
}

#[test]
fn without_a_network_files_can_still_be_loaded() {
    let mut world = World::small();
    for variable in ["HEROKU_HOST", "HEROKU_DATA_HOST"] {
        world.bcops.set(variable, "http://127.0.0.1:1");
    }
    let file = sample().small.to_str().expect("a path");
    let started = Instant::now();
    let done = world.bcops.run(&["pull-data", "--file", file]).exits(0);
    assert_eq!(done.says(&["compared with"]).printed().matches("compared with").count(), 1);
    assert!(started.elapsed() < Duration::from_secs(20), "one wait for all the apps together");
    let before = world.databases();
    world.pull(&["--yes"]).fails(1, &["no answer from Heroku"]);
    assert_eq!(world.databases(), before);
}

#[test]
fn a_missing_app_is_named() {
    let world = World::small().with_target();
    world
        .bcops
        .describe_the_council("app = \"buckinghamshire-production\"", "app = \"bucks-prod\"");
    world.pull(&["--yes"]).fails(3, &["bucks-prod", "bcops doctor"]);
    world.assert_untouched();
}

#[test]
fn a_broken_configuration_names_the_line_and_the_nearest_key() {
    let mut world = World::small().with_target();
    for (text, words) in [
        ("\n[local]\ndatabse_url = \"postgres:///bc\"\n", ["bcops.toml:3", "local.database_url"]),
        ("backup_max_age = 48\n", ["bcops.toml:1", "`backup_max_age` must be a string"]),
        ("backup_max_age = \"soon\"\n", ["bcops.toml:1", "`soon`"]),
        ("[environments.production\n", ["bcops.toml:1", ""]),
        (
            "[environments.production]\nprotect = false\n",
            [":2", "environments.production.protected"],
        ),
    ] {
        world.bcops.write("bcops.toml", text);
        world.pull(&["--yes"]).fails(3, &words);
        world.bcops.run(&["pull-production-data", "--yes"]).fails(3, &words);
    }
    world.bcops.write("bcops.toml", "");
    let other = world.bcops.write("other.toml", "\ncolour = \"blue\"\n");
    world.pull(&["--config", "other.toml", "--yes"]).fails(3, &["other.toml:2", "`colour`"]);
    world.pull(&["--config", "no-such.toml", "--yes"]).fails(3, &["no-such.toml"]);
    std::fs::remove_file(other).expect("the file");
    for url in ["mysql://u:db-password@127.0.0.1/x", "postgres://u:db-password@127.0.0.1:port/x"] {
        world.bcops.set("BCOPS_LOCAL_DATABASE_URL", url);
        world.pull(&["--yes"]).fails(3, &["BCOPS_LOCAL_DATABASE_URL"]);
    }
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", "postgres://u:db-password@127.0.0.1:1/x");
    world.pull(&["--yes"]).fails(3, &["127.0.0.1:1", "start the server"]);
    assert!(!world.fetched());
    world.assert_untouched();
}

#[test]
fn two_pulls_into_one_database_do_not_overlap() {
    let world = World::small().with_target();
    world.standin.misbehave(Rule::once("/store/", Fault::Hang));
    let first = world.bcops.start(&["pull-data", "production", "--yes"]);
    wait::until("the backup is asked for", || world.fetched());
    let second = world.pull(&["--yes"]);
    second.fails(7, &["another bcops", &world.target]);
    world.bcops.run(&["pull-data", "--undo", "--yes"]).fails(7, &["another bcops"]);
    // Another target is allowed.
    world.pull(&["--target", &format!("{}_other", world.target)]).exits(0);
    first.interrupt();
    first.finish().fails(130, &["interrupted"]);
    assert_eq!(world.psql("SELECT text FROM note"), "from before");
    world.pull(&["--yes"]).exits(0);
}

#[test]
fn the_journal_must_be_writable() {
    let mut world = World::small().with_target();
    let in_the_way = world.bcops.write("file", "");
    world.bcops.set("BCOPS_STATE_DIR", in_the_way.to_str().expect("a path"));
    world.pull(&["--yes"]).fails(3, &["cannot write the journal", "BCOPS_STATE_DIR"]);
    world.assert_untouched();
}
