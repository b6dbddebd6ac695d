//! Tests the choices of `bcops pull-data`: backup, tables, target and confirmations.

use std::fs;

use crate::heroku::world::{PRODUCTION, count};
use crate::pull_data::world::{COMPLETED, HOUR, World, sample};
use crate::screens::assert_screen;
use crate::standins::heroku::{CapturePlan, Options, Outcome};

const USERS: &str = "SELECT count(*) FROM users_user";
const CAPTURE: &str = "/backups";

#[test]
fn the_newest_complete_backup_is_taken_unless_another_is_named() {
    let world = World::empty(Options::default());
    let (archive, small) = (&sample().archive, &sample().small);
    world.standin.add_backup(PRODUCTION, archive, 30 * HOUR, COMPLETED);
    world.standin.add_backup(PRODUCTION, small, 6 * HOUR, COMPLETED);
    world.standin.add_backup(PRODUCTION, archive, 29 * HOUR, COMPLETED);
    world.standin.add_backup(PRODUCTION, archive, HOUR, Outcome::Failed);
    let plan = |arguments: &[&str]| {
        world.pull(&[&["--dry-run", "--json"], arguments].concat()).exits(0).json()
    };
    let newest = plan(&[]);
    assert_eq!(newest["result"]["source"]["backup"], "b002");
    assert_eq!(newest["result"]["tables"].as_array().map(Vec::len), Some(8));
    let named = plan(&["--backup", "b003"]);
    assert_eq!(named["result"]["source"]["backup"], "b003");
    assert!(named["result"]["tables"].as_array().is_some_and(|tables| tables.len() > 50));

    world.pull(&["--backup", "b002"]).exits(0);
    assert_eq!(world.psql(USERS), "60");
    let before = world.databases();
    let known = "it has: b001, b002, b003, b004";
    world.pull(&["--backup", "b999", "--yes"]).fails(2, &["no backup b999", known]);
    world.pull(&["--backup", "b004", "--yes"]).fails(4, &["b004", "not complete"]);
    assert_eq!(world.databases(), before);
}

#[test]
fn without_a_backup_nothing_changes() {
    let world = World::empty(Options::default()).with_target();
    world.pull(&["--yes"]).fails(4, &["no completed backup", "--capture"]);
    world.standin.add_backup(PRODUCTION, &sample().small, HOUR, Outcome::Failed);
    world.standin.add_backup(PRODUCTION, &sample().small, HOUR, Outcome::Canceled);
    world.pull(&["--yes"]).fails(4, &["no completed backup"]);
    world.assert_untouched();
}

#[test]
fn an_old_backup_has_to_be_accepted() {
    let world = World::empty(Options::default()).with_target();
    world.standin.add_backup(PRODUCTION, &sample().small, 50 * HOUR, COMPLETED);
    world.pull(&["--yes"]).fails(5, &["b001", "2 d", "--allow-old", "--capture"]);
    assert!(!world.fetched());
    world.assert_untouched();
    let planned = world.pull(&["--dry-run", "--json"]).exits(0).json();
    assert!(planned["warnings"].to_string().contains("--allow-old"), "{planned}");

    world.bcops.write("bcops.toml", "backup_max_age = \"3d\"\n");
    world.pull(&["--dry-run"]).exits(0);
    world.bcops.write("bcops.toml", "");
    world.pull(&["--allow-old", "--yes"]).exits(0);
    assert_eq!(world.psql(USERS), "60");
}

#[test]
fn replacing_a_database_has_to_be_confirmed() {
    let world = World::small().with_target();
    world.pull(&[]).fails(5, &["no terminal", &world.target, "--yes"]);
    world.pull(&["--no-input"]).fails(5, &["--yes"]);
    assert!(!world.fetched(), "the question could not be asked, so nothing is fetched");
    for wrong in [&world.target[1..], &world.target.to_uppercase(), PRODUCTION, ""] {
        world.pull(&["--confirm", wrong]).fails(5, &["does not match", &world.target]);
    }
    world.assert_untouched();
    world.pull(&["--yes", "--confirm", PRODUCTION]).fails(5, &["does not match", &world.target]);
    world.assert_untouched();
    assert!(!world.fetched());
    world.pull(&["--confirm", &world.target]).exits(0);
    assert_eq!(world.psql(USERS), "60");
}

#[test]
fn the_old_database_can_be_dropped() {
    let world = World::small().with_target();
    let done = world.pull(&["--yes", "--no-keep-previous", "--json"]).exits(0).json();
    assert!(done["result"]["previous"].is_null(), "{done}");
    assert_eq!(world.database_names(), [world.target.as_str()]);
    assert_eq!(world.psql(USERS), "60");
}

#[test]
fn another_target_is_filled_instead() {
    let world = World::small().with_target();
    let other = format!("{}_other", world.target);
    world.pull(&["--target", &other]).exits(0);
    assert_eq!(world.database_names(), [world.target.as_str(), &other]);
    assert_eq!(world.cluster.psql(&other, USERS), "60");
    assert_eq!(world.psql("SELECT text FROM note"), "from before");
    world.pull(&["--target", &"x".repeat(48)]).fails(3, &["exceeds", "--target"]);
}

#[test]
fn a_database_in_use_is_still_replaced() {
    let world = World::small().with_target();
    let mut session = world.cluster.tool("psql");
    session.args(["-d", &world.target, "-c", "SELECT pg_sleep(600)"]);
    let mut session = session.stderr(std::process::Stdio::null()).spawn().expect("psql");
    world.pull(&["--yes"]).exits(0);
    assert!(!session.wait().expect("its end").success(), "its session was ended");
    assert_eq!(world.psql(USERS), "60");
}

#[test]
fn the_right_to_create_databases_is_all_that_is_needed() {
    let mut world = World::small();
    let role = format!("role_of_{}", world.target);
    let url = world.cluster.url(&world.target).replace("postgres@", &format!("{role}@"));
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &url);
    world.cluster.psql("postgres", &format!("CREATE ROLE {role} LOGIN"));
    world.pull(&[]).fails(3, &["cannot create a database", "CREATEDB"]);
    assert!(!world.fetched());
    world.cluster.psql("postgres", &format!("ALTER ROLE {role} CREATEDB"));
    world.pull(&[]).exits(0);
    world.pull(&["--yes"]).exits(0);
    assert_eq!(world.psql(USERS), "60");
    let owner = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(world.psql(owner), role);
}

#[test]
fn rows_can_be_excluded_if_nothing_refers_to_them() {
    let world = World::site().with_target();
    let refused = world.pull(&["--exclude-data", "wagtailcore_page", "--yes"]);
    refused.fails(2, &["--exclude-data wagtailcore_page", "refer to it"]);
    world.pull(&["--exclude-data", "nonsense", "--yes"]).fails(2, &["no such table"]);
    world.assert_untouched();
    let arguments = ["--exclude-data", "images_rendition", "--yes", "--json"];
    world.pull(&arguments).exits(0);
    assert_eq!(world.psql("SELECT count(*) FROM images_rendition"), "0");
    let images = "SELECT count(*) FROM images_customimage";
    assert_eq!(world.psql(images), "200");
    world.psql("INSERT INTO images_rendition SELECT 9, 'x', 'y', 1, 1, '', 1");
}

#[test]
fn a_file_is_scrubbed_like_a_backup() {
    let mut world = World::small();
    let file = sample().small.to_str().expect("a path");
    world.bcops.unset("HEROKU_API_KEY");
    let scrubbed = "SELECT count(*) FROM users_user WHERE email LIKE '%@example.invalid'";
    let run = world.bcops.run(&["pull-data", "--file", file]).exits(0);
    run.says(&["could not be compared with", "cannot find a Heroku token"]);
    assert_eq!(world.psql(scrubbed), "60");

    let input = ["pull-data", "--file", "-", "--yes"];
    world.bcops.run_reading(&input, &sample().small).exits(0);
    assert_eq!(world.psql(scrubbed), "60");
    assert!(!world.fetched());

    let before = world.databases();
    let missing = ["pull-data", "--file", "no-such.dump", "--yes"];
    world.bcops.run(&missing).fails(2, &["cannot open no-such.dump"]);
    world.bcops.write("page.html", "<!DOCTYPE html><title>Not found</title>");
    let page = ["pull-data", "--file", "page.html", "--yes"];
    world.bcops.run(&page).fails(1, &["cannot load page.html"]);
    world.bcops.write("empty.dump", "");
    world.bcops.run(&["pull-data", "--file", "empty.dump", "--yes"]).fails(1, &["empty.dump"]);
    world.bcops.run(&["pull-data", "production", "--file", file]).exits(2);
    world.bcops.run(&["pull-data"]).exits(2);
    assert_eq!(world.databases(), before);
}

#[test]
fn the_whole_site_can_come_through_a_pipe() {
    let mut world = World::site();
    world.bcops.unset("HEROKU_API_KEY");
    world.bcops.run_reading(&["pull-data", "--file", "-"], &sample().archive).exits(0);
    let counted = "SELECT (SELECT count(*) FROM wagtailcore_page), \
                   (SELECT count(*) FROM wagtailsearchpromotions_searchpromotion), \
                   (SELECT count(*) FROM wagtailsearchpromotions_query)";
    assert_eq!(world.psql(counted), "400|30|30");
}

#[test]
fn a_nightly_backup_is_called_by_its_own_name() {
    let world = World::empty(Options::default());
    let num = world.standin.add_backup(PRODUCTION, &sample().small, 6 * HOUR, COMPLETED);
    world.standin.mark_scheduled(PRODUCTION, num);
    world.pull(&["--backup", "a001"]).exits(0).says(&["backup a001"]);
    world.pull(&["--backup", "b001", "--yes"]).fails(2, &["it has: a001"]);
}

#[test]
fn odd_names_of_databases_are_quoted() {
    let world = World::small();
    let odd = format!("{} \"x'; DROP \\é", world.target);
    world.pull(&["--target", &odd]).exits(0);
    world.pull(&["--target", &odd, "--confirm", &odd]).exits(0);
    assert_eq!(world.database_names(), [odd.clone(), format!("{odd}_previous")]);
}

#[test]
fn the_servers_own_databases_are_not_targets() {
    let world = World::small();
    let before =
        world.cluster.psql("postgres", "SELECT datname, oid FROM pg_database WHERE oid < 16384");
    for name in ["postgres", "template0", "template1"] {
        world.pull(&["--target", name, "--yes"]).fails(4, &[name, "nothing was changed"]);
        let undo = ["pull-data", "--undo", "--target", name, "--yes"];
        world.bcops.run(&undo).fails(4, &[name]);
    }
    assert!(!world.fetched());
    let after =
        world.cluster.psql("postgres", "SELECT datname, oid FROM pg_database WHERE oid < 16384");
    assert_eq!(after, before);
}

#[test]
fn a_fresh_backup_is_captured_only_after_its_own_confirmation() {
    let world = World::empty(Options::default()).with_target();
    world.standin.add_backup(PRODUCTION, &sample().archive, HOUR, COMPLETED);
    let small = Some(sample().small.clone());
    world.standin.plan_captures(CapturePlan { dump: small, ..CapturePlan::default() });
    let refusals: [&[&str]; 4] = [
        &["--capture", "--yes"],
        &["--capture", "--yes", "--confirm", &world.target],
        &["--capture", "--yes", "--confirm", "production"],
        &["--capture", "--yes", "--confirm", "buckinghamshire-staging"],
    ];
    for arguments in refusals {
        world.pull(arguments).fails(5, &[PRODUCTION]);
    }
    world.pull(&["--capture", "--dry-run"]).exits(0).says(&["would capture a fresh backup"]);
    assert_eq!(count(&world.standin, "POST", CAPTURE), 0, "production was not touched");
    world.assert_untouched();

    let arguments = ["--capture", "--yes", "--confirm", PRODUCTION];
    world.pull(&arguments).exits(0).says(&["Captured backup b002", "backup b002"]);
    assert_eq!(count(&world.standin, "POST", CAPTURE), 1);
    assert_eq!(world.psql(USERS), "60");
    let before = world.databases();

    let outcome = Outcome::Failed;
    world.standin.plan_captures(CapturePlan { outcome, ..CapturePlan::default() });
    world.pull(&arguments).fails(8, &["b003 failed"]);
    assert_eq!(world.databases(), before);
}

#[test]
fn help_names_every_option() {
    let world = World::empty(Options::default());
    let help = world.bcops.run(&["pull-data", "--help"]).exits(0).stdout;
    assert_screen("help pull-data in full", &help);
    let temporary = world.bcops.directory().join("temporary");
    assert_eq!(fs::read_dir(temporary).expect("a folder").count(), 0);
}
