//! Tests loading a backup into an existing database, by a role that only owns it.

mod faults;
pub mod world;

use std::path::Path;
use std::sync::Arc;

use bcops::failure::{CommandError, FailureKind};
use bcops::restore::in_place::{self, InPlaceError, InPlaceOptions, Proof};
use bcops::restore::{PrepareError, Prepared, RestoreError};

use crate::command::Bcops;
use crate::in_place::world::{POLICY, Staging, Warnings, backup_of, built_in, manifest, silent};
use crate::pull_data::archives::fixtures;
use crate::pull_data::world::{sample, sequences};
use crate::scrub_pii::world::rows;
use crate::support::postgres::Cluster;
use crate::support::wait;

/// The old runbook's result: a backup fully restored by `pg_restore`, then scrubbed in place.
fn restored_and_scrubbed(archive: &Path) -> String {
    let cluster = Cluster::shared();
    let database = cluster.create_database("in_place_reference");
    cluster.psql(&database, "CREATE SCHEMA heroku_ext");
    cluster.pg_restore(&database, archive).expect("pg_restore");
    let mut bcops = Bcops::new();
    bcops.set("BCOPS_LOCAL_DATABASE_URL", &cluster.url(&database));
    bcops.run(&["scrub-pii", "--yes", "--policy", POLICY]).exits(0);
    database
}

/// The tables, views, functions and other objects of all owners.
fn schema(cluster: &Cluster, database: &str) -> Vec<String> {
    let arguments = [
        "--schema-only",
        "--no-owner",
        "--no-acl",
        "--no-comments",
        "-n",
        "public",
        "-d",
        database,
    ];
    let text = cluster.run_tool("pg_dump", &arguments);
    let lines = text.lines().filter(|line| !line.contains("restrict "));
    // It does not matter whether the schema itself is the original one.
    let lines =
        lines.filter(|line| !line.contains("SCHEMA public") && !line.contains("Name: public;"));
    lines.map(str::to_owned).collect()
}

/// Resets staging, loads the backup, and compares with the old runbook.
async fn assert_same_as_the_old_way(archive: &Path) -> Staging {
    let staging = Staging::new(archive).await;
    let manifest = built_in();
    staging.reset().await;
    let loaded = staging.load(&manifest).await.expect("loaded");
    assert!(loaded.inventory.foreign_keys > 100, "{:?}", loaded.inventory);

    let reference = restored_and_scrubbed(archive);
    let cluster = staging.cluster;
    let (ours, theirs) = (rows(cluster, &staging.name), rows(cluster, &reference));
    assert!(theirs.len() > 80, "{} tables", theirs.len());
    assert_eq!(ours, theirs);
    assert_eq!(sequences(cluster, &staging.name), sequences(cluster, &reference));
    assert_eq!(schema(cluster, &staging.name), schema(cluster, &reference));
    assert_eq!(staging.psql("SELECT count(*) FROM birdbath_execution"), "1");

    let report = |table: &str| {
        let found = loaded.tables.iter().find(|one| one.report.table.short() == table);
        found.unwrap_or_else(|| panic!("nothing is said of {table}")).clone()
    };
    let submissions = report("wagtailforms_formsubmission");
    assert_eq!((submissions.proof, submissions.report.kept), (Proof::Emptied, 0));
    assert!(submissions.report.dropped > 100, "{submissions:?}");
    let users = report("users_user");
    assert_eq!(users.proof, Proof::Audited);
    assert!(users.report.kept > 0 && !users.rule.is_empty(), "{users:?}");
    assert_eq!(loaded.rows.0["public.users_user"], users.report.kept);
    assert_eq!(loaded.rows.0["public.birdbath_execution"], 1);

    let verified = staging.verify(&manifest, &loaded).await.expect("verified");
    assert_eq!(verified.rows, loaded.rows);
    assert!(verified.audit.passed());
    let estimated = "SELECT reltuples > 0 FROM pg_class WHERE relname = 'users_user'";
    assert_eq!(staging.psql(estimated), "t");
    staging
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_site_equals_a_restore_and_a_scrub() {
    let staging = assert_same_as_the_old_way(&sample().archive).await;
    // The role did only what it may do.
    let foreign = "SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace \
        AND pg_get_userbyid(c.relowner) <> current_database()";
    assert_eq!(staging.psql(foreign), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_site_equals_a_restore_and_a_scrub() {
    let Some(fixtures) = fixtures() else { return };
    assert_same_as_the_old_way(&fixtures.join("bc-small.dump")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_empty_is_refused_unchanged() {
    let staging = Staging::new(&sample().small).await;
    let error = staging.load(&built_in()).await.expect_err("a note is there");
    assert!(matches!(error, InPlaceError::NotEmpty { .. }), "{error:?}");
    assert!(error.to_string().contains("1 tables (public.note)"), "{error}");
    assert_eq!(CommandError::from(error).kind, FailureKind::Refused);
    assert_eq!(staging.psql("SELECT text FROM note"), "from before");

    staging.reset().await;
    let contents = in_place::contents(&staging.url).await.expect("an answer");
    assert_eq!(contents, [], "what a reset leaves is Heroku's");
    let things = [
        ("CREATE VIEW v AS SELECT 1 AS one", "views", "DROP VIEW v"),
        ("CREATE SEQUENCE s", "sequences", "DROP SEQUENCE s"),
        ("CREATE TYPE mood AS ENUM ('glad')", "types", "DROP TYPE mood"),
        ("CREATE TYPE pair AS (a int, b int)", "types", "DROP TYPE pair"),
        ("CREATE DOMAIN age AS int", "types", "DROP DOMAIN age"),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "functions",
            "DROP FUNCTION f()",
        ),
        ("CREATE SCHEMA other", "schemas", "DROP SCHEMA other"),
        ("CREATE TABLE heroku_ext.hidden (a int)", "tables", "DROP TABLE heroku_ext.hidden"),
        ("SELECT lo_create(4711)", "large objects", "SELECT lo_unlink(4711)"),
    ];
    for (make, kind, unmake) in things {
        staging.psql(make);
        let contents = in_place::contents(&staging.url).await.expect("an answer");
        let kinds: Vec<&str> = contents.iter().map(|found| found.kind.as_str()).collect();
        assert_eq!(kinds, [kind], "{make}");
        staging.psql(unmake);
    }
    staging.load(&built_in()).await.expect("it is empty");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_load_at_the_same_time_is_refused() {
    let staging = Staging::new(&sample().small).await;
    staging.reset().await;
    let lock =
        "SELECT pg_advisory_lock(hashtextextended('bcops in-place load', 0)); SELECT pg_sleep(9)";
    let mut psql = staging.cluster.tool("psql");
    let mut holder = psql.args(["-X", "-d", &staging.name, "-c", lock]).spawn().expect("psql");
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    wait::until_async("the lock is held", || staging.psql(held) != "0").await;
    let error = staging.load(&built_in()).await.expect_err("somebody else loads");
    assert!(matches!(error, InPlaceError::Locked { .. }), "{error:?}");
    assert_eq!(CommandError::from(error).kind, FailureKind::Locked);
    assert_eq!(staging.tables(), 0);
    holder.kill().expect("killed");
    holder.wait().expect("ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unclassified_column_stops_the_load_before_any_change() {
    let (_folder, archive) = backup_of(
        "CREATE TABLE auth_group (id int PRIMARY KEY, name text, nickname text); \
         INSERT INTO auth_group VALUES (1, 'Editors', 'eds')",
    );
    let staging = Staging::new(&archive).await;
    let prepared = Prepared::scrubbed(staging.contents().await, &built_in(), POLICY);
    let error = prepared.err().expect("nobody has classed it");
    assert!(matches!(error, PrepareError::Plan(_)), "{error:?}");
    let error = CommandError::from(error);
    assert_eq!(error.kind, FailureKind::PersonalData);
    assert!(error.to_string().contains("auth_group.nickname"), "{error}");
    assert_eq!(staging.psql("SELECT text FROM note"), "from before");
}

#[tokio::test(flavor = "multi_thread")]
async fn unscrubbed_rows_are_never_loaded() {
    let staging = Staging::new(&sample().small).await;
    staging.reset().await;
    let contents = staging.contents().await;
    let prepared = Prepared::new(contents, None, Default::default()).expect("an order");
    let options = InPlaceOptions::default();
    let error = in_place::load(&staging.url, prepared, &options, &silent()).await;
    assert!(matches!(error, Err(InPlaceError::NotScrubbed { .. })), "{error:?}");
    assert_eq!(staging.tables(), 0);
}

const WORDS: &str = "[tables.word]\nclass = \"operational\"\noperational = [\"text\"]\n";

#[tokio::test(flavor = "multi_thread")]
async fn extensions_are_created_if_allowed_and_skipped_if_unused() {
    let cluster = Cluster::shared();
    let available = "SELECT count(*) FROM pg_available_extensions \
        WHERE name IN ('citext', 'dblink', 'pg_stat_statements')";
    if cluster.psql("postgres", available) != "3" {
        eprintln!("skipped: this server has no contrib extensions");
        return;
    }
    // Heroku's own schema is in real backups, and in every Heroku database.
    let source = "CREATE SCHEMA heroku_ext; CREATE SCHEMA _heroku; \
        CREATE FUNCTION _heroku.create_ext() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; \
        CREATE EVENT TRIGGER log_create_ext ON ddl_command_end EXECUTE FUNCTION _heroku.create_ext(); \
        CREATE EXTENSION citext WITH SCHEMA heroku_ext; \
        CREATE EXTENSION pg_stat_statements WITH SCHEMA heroku_ext; \
        CREATE EXTENSION dblink WITH SCHEMA heroku_ext; \
        CREATE TABLE word (id int PRIMARY KEY, text heroku_ext.citext UNIQUE); \
        INSERT INTO word VALUES (1, 'Straw'), (2, 'Hay');";
    let (_folder, archive) = backup_of(source);
    let staging = Staging::new(&archive).await;
    staging.reset().await;
    let warnings = Arc::new(Warnings::default());
    let reporter: bcops::events::SharedReporter = warnings.clone();
    let options = InPlaceOptions::default();
    let loaded = staging.load_with(&manifest(WORDS), &options, &reporter).await.expect("loaded");
    let found = "SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension";
    assert_eq!(staging.psql(found), "citext pg_stat_statements plpgsql");
    assert_eq!(staging.psql("SELECT id FROM word WHERE text OPERATOR(heroku_ext.=) 'HAY'"), "2");
    let warnings = warnings.all();
    assert!(matches!(warnings.as_slice(), [one] if one.contains("dblink")), "{warnings:?}");
    assert!(loaded.notes.iter().any(|note| note.contains("Heroku's own functions")));

    let (_folder, archive) =
        backup_of(&format!("{source} CREATE TABLE links (found heroku_ext.dblink_pkey_results)"));
    let staging = Staging::new(&archive).await;
    staging.reset().await;
    let words_and_links =
        format!("{WORDS}[tables.links]\nclass = \"operational\"\noperational = [\"found\"]\n");
    let error = staging.load(&manifest(&words_and_links)).await.expect_err("a table needs it");
    let InPlaceError::NotBegun { source: RestoreError::MissingExtensions { names }, .. } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(names, &["dblink"]);
    assert_eq!(CommandError::from(error).kind, FailureKind::Configuration);
    assert_eq!(in_place::contents(&staging.url).await.expect("an answer"), []);
}
