//! Tests `bcops scrub-pii ENV`: which databases it scrubs and refuses, and that a check only reads.

use std::fs;

use crate::heroku::world::{PRODUCTION, STAGING};
use crate::pull_data::world::{CONTENT_PREP, World, sample};
use crate::scrub_pii::world::{
    PEOPLE_MANIFEST, as_staging, local_site, people, rows, scrub, set_manifest, versions,
};
use crate::standins::heroku::{Fault, Rule};
use crate::support::postgres::{Cluster, Options};
use crate::support::site;

const CONFIRMED: [&str; 3] = ["staging", "--confirm", STAGING];

#[track_caller]
fn assert_refused(world: &World, words: &[&str]) {
    let before = versions(world.cluster, &world.target);
    scrub(world, &CONFIRMED).fails(4, &[&["nothing was changed"], words].concat());
    let refused = scrub(world, &[&CONFIRMED[..], &["--json"]].concat()).exits(4).json();
    assert_eq!(
        (&refused["status"], &refused["error"]["kind"]),
        (&"refused".into(), &"refused".into())
    );
    assert_eq!(versions(world.cluster, &world.target), before);
}

#[test]
fn staging_is_scrubbed_by_its_own_policy_when_its_app_is_confirmed() {
    let world = as_staging(local_site());
    let before = versions(world.cluster, &world.target);
    scrub(&world, &["staging"]).fails(5, &[STAGING, "no terminal"]);
    for wrong in ["staging", &world.target, PRODUCTION] {
        scrub(&world, &["staging", "--confirm", wrong]).fails(5, &["does not match"]);
    }
    scrub(&world, &["staging", "--dry-run"]).exits(0);
    scrub(&world, &["--check", "staging"]).exits(9);
    assert_eq!(versions(world.cluster, &world.target), before);

    let done = scrub(&world, &[&CONFIRMED[..], &["--json"]].concat()).exits(0).json();
    assert_eq!(done["result"]["policy"], "staging");
    assert_eq!(done["result"]["target"]["app"], STAGING);
    let local = local_site();
    scrub(&local, &["--yes", "--policy", "staging"]).exits(0);
    assert_eq!(rows(world.cluster, &world.target), rows(world.cluster, &local.target));
    scrub(&world, &["--check", "staging"]).exits(0);
}

#[test]
fn protected_environments_are_refused_before_any_request_to_them() {
    let world = people();
    let url = format!("{}?sslmode=disable", world.cluster.url(&world.target));
    let before = versions(world.cluster, &world.target);
    for (environment, app) in [("production", PRODUCTION), ("content-prep", CONTENT_PREP)] {
        world.standin.set_config_var(app, "DATABASE_URL", &url);
        for arguments in [&["--confirm", app][..], &["--dry-run"], &[]] {
            let arguments = [&[environment], arguments].concat();
            scrub(&world, &arguments).fails(4, &[environment, "protected"]);
        }
    }
    assert!(world.standin.requests().is_empty(), "nobody was asked for a URL");
    assert_eq!(versions(world.cluster, &world.target), before);
}

#[test]
fn productions_database_is_recognized_in_stagings_config_vars() {
    let world = as_staging(people());
    let url = format!("{}?sslmode=disable", world.cluster.url(&world.target));
    let spellings = [
        url.clone(),
        url.replace("127.0.0.1", "localhost"),
        url.replace("127.0.0.1", "[::1]"),
        url.replace("postgres@", "another:db-password@"),
        url.replace("postgres://", "postgresql://"),
        url.replace("?sslmode=disable", ""),
        url.replace(&world.target, &world.target.replace('p', "%70")),
    ];
    for spelling in &spellings {
        world.standin.set_config_var(PRODUCTION, "DATABASE_URL", spelling);
        assert_refused_once(&world, &[PRODUCTION, "DATABASE_URL", "which is protected"]);
    }
    world.standin.set_config_var(PRODUCTION, "DATABASE_URL", "postgres://u:p@127.0.0.1:1/other");
    for app in [PRODUCTION, CONTENT_PREP] {
        for variable in ["DATABASE_URL", "OLD_ONE"] {
            world.standin.set_config_var(app, variable, &url);
            assert_refused(&world, &[app, variable, "which is protected"]);
            let elsewhere = "postgres://u:db-password@127.0.0.1:1/elsewhere";
            world.standin.set_config_var(app, variable, elsewhere);
        }
    }
    scrub(&world, &CONFIRMED).exits(0);
}

#[test]
fn the_apps_themselves_are_compared() {
    let world = as_staging(people());
    let app = format!("app = \"{PRODUCTION}\"");
    let file = world.bcops.describe_the_council("app = \"buckinghamshire-staging\"", &app);
    let config = std::fs::read_to_string(file).expect("the file");
    world.bcops.write("bcops.toml", &format!("{config}[scrub]\nmanifest = \"manifest.toml\"\n"));
    let before = versions(world.cluster, &world.target);
    let run = world.bcops.run(&["scrub-pii", "staging", "--confirm", PRODUCTION]);
    assert!(matches!(run.code, Some(3 | 4)), "{}", run.printed());
    assert_eq!(versions(world.cluster, &world.target), before);
}

#[test]
fn a_resource_that_cannot_be_compared_is_refused() {
    // Nothing proves that the database is staging's own.
    let mut world = people();
    let url = format!("{}?sslmode=disable", world.cluster.url(&world.target));
    world.standin.set_config_var(STAGING, "DATABASE_URL", &url);
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &world.cluster.url("nobodys"));
    let other = format!("{}?sslmode=disable", world.cluster.url("postgres"));
    world.standin.set_config_var(CONTENT_PREP, "DATABASE_URL", &other);
    let before = versions(world.cluster, &world.target);
    world.standin.set_config_var(PRODUCTION, "DATABASE_URL", "postgres://[broken");
    assert_refused_once(&world, &["production"]);
    world.standin.set_config_var(PRODUCTION, "DATABASE_URL", "postgres://u:p@127.0.0.1:1/other");
    // A protected app in the configuration must exist.
    let configured = format!(
        "[scrub]\nmanifest = \"manifest.toml\"\n[environments.production]\napp = \"{PRODUCTION}\"\n"
    );
    world.bcops.write("bcops.toml", &configured);
    for fault in [Fault::Forbidden, Fault::HtmlPage, Fault::NotFound, Fault::Unauthorized] {
        let path = format!("/apps/{PRODUCTION}/config-vars");
        world.standin.misbehave(Rule::times(1, &path, fault));
        assert_refused_once(&world, &["production"]);
    }
    set_manifest(&world, PEOPLE_MANIFEST);
    let rule = Rule::always(&format!("/apps/{CONTENT_PREP}"), Fault::ServerError);
    world.standin.misbehave(rule);
    assert_refused_once(&world, &["content-prep"]);
    assert_eq!(versions(world.cluster, &world.target), before);
}

#[track_caller]
fn assert_refused_once(world: &World, words: &[&str]) {
    scrub(world, &CONFIRMED).fails(4, &[&["nothing was changed"], words].concat());
}

#[test]
fn a_variable_of_this_process_replaces_the_config_var_and_is_guarded_too() {
    let mut world = people();
    let url = format!("{}?sslmode=disable", world.cluster.url(&world.target));
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &world.cluster.url("nobodys"));
    world.bcops.set("BCOPS_STAGING_DATABASE_URL", &url);
    world.standin.set_config_var(PRODUCTION, "DATABASE_URL", &url);
    assert_refused(&world, &[PRODUCTION, "DATABASE_URL"]);
    world.standin.set_config_var(PRODUCTION, "DATABASE_URL", "postgres://u:p@127.0.0.1:1/other");
    world.bcops.set("BCOPS_PRODUCTION_DATABASE_URL", &url);
    assert_refused(&world, &["production", "DATABASE_URL"]);
    world.bcops.unset("BCOPS_PRODUCTION_DATABASE_URL");
    // Heroku confirms that it is staging's own, whatever the protected servers answer.
    world.standin.add_database(STAGING, "DATABASE", &url);
    scrub(&world, &CONFIRMED).exits(0);

    // Without a login there is nothing to compare with, unless a variable names it.
    world.bcops.unset("HEROKU_API_KEY");
    scrub(&world, &CONFIRMED).fails(4, &["could not be compared", "protected"]);
    // The named database must answer.
    world.bcops.set("BCOPS_PRODUCTION_DATABASE_URL", "postgres://u:p@127.0.0.1:1/other");
    world.bcops.set("BCOPS_CONTENT_PREP_DATABASE_URL", "postgres://u:p@127.0.0.1:1/another");
    scrub(&world, &CONFIRMED).fails(4, &["could not be compared", "cannot ask"]);
    for name in ["PRODUCTION", "CONTENT_PREP"] {
        let other = format!("{}?sslmode=disable", world.cluster.url("postgres"));
        world.bcops.set(&format!("BCOPS_{name}_DATABASE_URL"), &other);
    }
    scrub(&world, &CONFIRMED).exits(0);
}

#[test]
fn the_local_database_must_not_belong_to_an_environment() {
    let mut world = people();
    let url = world.cluster.url(&world.target);
    let before = versions(world.cluster, &world.target);
    for app in [PRODUCTION, STAGING, CONTENT_PREP] {
        world.standin.set_config_var(app, "COPIED_URL", &url.replace("127.0.0.1", "localhost"));
        scrub(&world, &["--yes"]).fails(4, &[app, "COPIED_URL", "nothing was changed"]);
        world.standin.set_config_var(app, "COPIED_URL", "");
    }
    scrub(&world, &["--yes", "--target", "postgres"]).fails(4, &["the server's own database"]);
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", "postgres://postgres@192.0.2.1/bc");
    scrub(&world, &["--yes"]).fails(4, &["not on this machine"]);
    assert_eq!(versions(world.cluster, &world.target), before);
}

#[test]
fn a_check_of_production_only_reads() {
    let settings = [("log_statement", "all"), ("log_line_prefix", "<%d> ")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let options = Options { settings, ..Options::for_tests() };
    let cluster = Cluster::start(&options).expect("a server");
    cluster.psql("postgres", "CREATE DATABASE production_site");
    cluster.psql("production_site", "CREATE SCHEMA heroku_ext");
    cluster.pg_restore("production_site", &sample().archive).expect("pg_restore");
    let world = World::empty(crate::standins::heroku::Options::default());
    let url = format!("{}?sslmode=disable", cluster.url("production_site"));
    world.standin.set_config_var(PRODUCTION, "DATABASE_URL", &url);
    let before = versions(&cluster, "production_site");
    let log = cluster.socket_dir().join("log");
    let length = fs::metadata(&log).expect("the log").len() as usize;

    scrub(&world, &["--check", "production"]).fails(9, &["personal data"]);
    let text = fs::read(&log).expect("the log").split_off(length);
    let text = String::from_utf8_lossy(&text);
    let statements: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("<production_site>"))
        .filter_map(|line| {
            let (_, statement) = line.split_once("LOG:  ")?;
            Some(statement.split_once(": ").map_or(statement, |(_, statement)| statement))
        })
        .collect();
    assert!(statements.len() > 50, "{text}");
    let reads = ["SELECT", "COPY", "WITH", "DECLARE", "FETCH", "CLOSE", "ROLLBACK", "SET client_"];
    for statement in &statements {
        let begins = |word: &&str| statement.trim_start().starts_with(*word);
        let opening = statement.contains("BEGIN TRANSACTION READ ONLY");
        assert!(opening || reads.iter().any(begins), "{statement}");
        assert!(!statement.starts_with("COPY") || statement.ends_with("TO STDOUT"), "{statement}");
    }
    assert!(statements.iter().any(|one| one.contains("BEGIN TRANSACTION READ ONLY")));
    assert_eq!(versions(&cluster, "production_site"), before);

    // A scrubbed database passes.
    let local = local_site();
    scrub(&local, &["--yes", "--policy", "staging"]).exits(0);
    let url = format!("{}?sslmode=disable", local.cluster.url(&local.target));
    world.standin.set_config_var(PRODUCTION, "DATABASE_URL", &url);
    scrub(&world, &["--check", "production"]).exits(0);
    assert_ne!(site::marked_columns(local.cluster, &local.target), Vec::<String>::new());
}
