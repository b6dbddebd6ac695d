//! Compares `bcops pull-data` with the real `pg_restore` on real inputs. The variable
//! `BCOPS_FIXTURES` names their folder; without it these tests are skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bcops::scrub::{Class, Manifest};

use crate::pull_data::world::{Needles, World, digest, sequences};
use crate::standins::heroku::Options;
use crate::support::postgres::Cluster;

/// Less than 100 MB for archives of any size.
const MOST_MEMORY: u64 = 100_000_000;

const UNSCRUBBED: [&str; 3] = ["--no-scrub", "--i-need-personal-data", "comparison"];

pub fn fixtures() -> Option<PathBuf> {
    let folder = std::env::var_os("BCOPS_FIXTURES").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: BCOPS_FIXTURES names no folder with real inputs");
    }
    folder
}

/// `table<TAB>rows`, line by line.
fn counts(path: &Path) -> BTreeMap<String, u64> {
    let text = fs::read_to_string(path).expect("the counts");
    let pair = |line: &str| {
        let (table, rows) = line.split_once('\t')?;
        Some((table.to_owned(), rows.trim().parse().ok()?))
    };
    text.lines().map(|line| pair(line).unwrap_or_else(|| panic!("not a count: {line}"))).collect()
}

/// A database with the archive's schema as `pg_restore` makes it, and its sequences' values.
fn reference_schema(cluster: &Cluster, archive: &Path) -> String {
    let database = cluster.create_database("reference");
    cluster.psql(&database, "CREATE SCHEMA heroku_ext");
    let restored = cluster
        .tool("pg_restore")
        .args(["--no-owner", "--no-acl", "--schema-only", "-d", &database])
        .arg(archive)
        .output()
        .expect("pg_restore");
    let said = String::from_utf8_lossy(&restored.stderr);
    assert!(restored.status.success(), "{said}");
    let archive = archive.to_str().expect("a path");
    let contents = cluster.run_tool("pg_restore", &["-l", archive]);
    let values: Vec<&str> =
        contents.lines().filter(|line| line.contains(" SEQUENCE SET ")).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("list");
    fs::write(&list, values.join("\n")).expect("a list");
    let list = list.to_str().expect("a path");
    cluster.run_tool("pg_restore", &["-L", list, "-d", &database, archive]);
    database
}

/// `pg_dump -s`, without the line that changes at every call.
fn schema(cluster: &Cluster, database: &str) -> Vec<String> {
    let text = cluster.run_tool("pg_dump", &["--schema-only", "-d", database]);
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
    lines.map(str::to_owned).collect()
}

#[track_caller]
fn assert_same_lines(ours: &[String], theirs: &[String]) {
    let (left, right): (BTreeSet<_>, BTreeSet<_>) =
        (ours.iter().collect(), theirs.iter().collect());
    let only = |a: &BTreeSet<&String>, b: &BTreeSet<&String>| {
        a.difference(b).take(20).map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!((only(&left, &right), only(&right, &left)), (Vec::new(), Vec::new()));
    assert!(ours == theirs, "the same lines in another order");
}

#[test]
fn the_whole_site_equals_pg_restores_except_for_people() {
    let Some(fixtures) = fixtures() else { return };
    let archive = fixtures.join("bc.dump");
    let world = World::with_backup(&archive);
    let run = world.pull(&["--json"]).exits(0);
    let peak = run.peak_memory;
    eprintln!("bc.dump: peak memory {:.1} MB", peak as f64 / 1e6);
    assert!(peak < MOST_MEMORY, "{peak} bytes");
    let result = &run.json()["result"];

    let expected = counts(&fixtures.join("bc-counts.tsv"));
    let tables = result["tables"].as_array().expect("tables");
    assert_eq!(tables.len(), expected.len());
    let mut untouched = 0;
    for table in tables {
        let name = table["table"].as_str().expect("a name");
        let (dropped, changed) = (table["dropped"].as_u64(), table["changed"].as_u64());
        assert_eq!(table["rows"].as_u64(), expected.get(name).copied(), "{name}");
        if (dropped, changed) == (Some(0), Some(0)) && name != "birdbath_execution" {
            let rows = world.psql(&format!("SELECT count(*) FROM \"{name}\""));
            assert_eq!(rows, expected[name].to_string(), "{name}");
            untouched += 1;
        }
    }
    assert!(untouched > 100, "{untouched} tables are as they were");

    let built = world.psql(
        "SELECT (SELECT count(*) FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace \
                  WHERE n.nspname = 'public' AND contype IN ('p', 'u', 'x')), \
                (SELECT count(*) FROM pg_constraint WHERE contype = 'f'), \
                (SELECT count(*) FROM pg_constraint WHERE NOT convalidated), \
                (SELECT count(*) FROM pg_index WHERE NOT indisvalid)",
    );
    assert_eq!(built, "192|282|0|0");
    let plain_indexes = world.psql(
        "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
          WHERE c.relnamespace = 'public'::regnamespace AND NOT EXISTS \
                (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND contype <> 'f')",
    );
    assert_eq!(plain_indexes, "305");

    let reference = reference_schema(world.cluster, &archive);
    assert_same_lines(&schema(world.cluster, &world.target), &schema(world.cluster, &reference));
    assert_eq!(sequences(world.cluster, &world.target), sequences(world.cluster, &reference));
}

/// The text of every column that is not published content, and of all columns.
fn texts(world: &World) -> Vec<(String, Option<Class>, String)> {
    let manifest = Manifest::built_in().expect("the manifest").for_explaining(None);
    let columns = world.psql(
        "SELECT table_name, column_name FROM information_schema.columns c \
          WHERE table_schema = 'public' AND (data_type IN ('text', 'character varying', 'json', \
                'jsonb', 'tsvector', 'bytea', 'ARRAY', 'inet'))",
    );
    let mut texts = Vec::new();
    for line in columns.lines() {
        let (table, column) = line.split_once('|').expect("a table and a column");
        let class = manifest
            .tables
            .iter()
            .find(|(name, _)| name.short() == table)
            .and_then(|(_, entry)| entry.columns.get(column).map(|(class, _)| *class));
        let text = world.psql(&format!("SELECT \"{column}\" FROM \"{table}\""));
        texts.push((format!("{table}.{column}"), class, text));
    }
    assert!(texts.len() > 200, "{}", texts.len());
    texts
}

#[test]
fn nothing_of_the_ledger_remains_outside_published_content() {
    let Some(fixtures) = fixtures() else { return };
    let world = World::with_backup(&fixtures.join("bc-small.dump"));
    world.pull(&[]).exits(0);
    assert_nothing_of_the_ledger(&world);
}

/// Checks that the target holds no value of the ledger of `bc-small.dump` outside published
/// content.
#[track_caller]
pub fn assert_nothing_of_the_ledger(world: &World) {
    let fixtures = fixtures().expect("real inputs");
    let ledger = fs::read_to_string(fixtures.join("bc-small-ledger.tsv")).expect("the ledger");
    let entries: Vec<(&str, &str)> = ledger
        .lines()
        .filter_map(|line| {
            let mut fields = line.split('\t').skip(1);
            Some((fields.next()?, fields.next()?))
        })
        .collect();
    assert!(entries.len() > 2000, "{}", entries.len());
    let all = Needles::new(entries.iter().map(|(value, _)| *value));
    // Values that were only in tables of the public and of staff.
    let private = |places: &str| {
        places.split('|').all(|place| {
            ["wagtailforms_", "recruitment_jobalert", "blogs_blogalert", "feedback_", "users_"]
                .iter()
                .any(|table| place.starts_with(table))
        })
    };
    let private = entries.iter().filter(|(_, places)| private(places)).map(|(value, _)| *value);
    let private = Needles::new(private);
    let (mut remains, mut content) = (Vec::new(), 0);
    for (column, class, text) in texts(world) {
        if class == Some(Class::Content) {
            content += all.find(text.as_bytes()).len();
            remains.extend(private.find(text.as_bytes()).into_iter().map(|v| (column.clone(), v)));
        } else {
            remains.extend(all.find(text.as_bytes()).into_iter().map(|v| (column.clone(), v)));
        }
    }
    assert_eq!(remains, Vec::new());
    assert!(content > 10, "published contact data stays, and the search finds it");
}

#[test]
fn without_the_scrub_every_row_equals_pg_restores() {
    let Some(fixtures) = fixtures() else { return };
    let archive = fixtures.join("bc-small.dump");
    let world = World::with_backup(&archive);
    world.pull(&UNSCRUBBED).exits(0);
    let reference = world.cluster.create_database("unscrubbed_reference");
    world.cluster.psql(&reference, "CREATE SCHEMA heroku_ext");
    world.cluster.pg_restore(&reference, &archive).expect("pg_restore");
    let rows = digest(world.cluster, &world.target);
    assert_same_lines(&rows, &digest(world.cluster, &reference));
    assert!(rows.len() > 140, "{}", rows.len());
    assert_same_lines(&schema(world.cluster, &world.target), &schema(world.cluster, &reference));
    assert_eq!(sequences(world.cluster, &world.target), sequences(world.cluster, &reference));
}

/// The archives of one varied database, by version and options of pg_dump.
const VARIED: [&str; 9] = [
    "pg14.pipe",
    "pg15.file",
    "pg15.pipe_z0",
    "pg16.pipe",
    "pg17.pipe",
    "pg17.pipe_lz4",
    "pg17.pipe_zstd",
    "pg18.pipe",
    "pg18.pipe_statistics",
];

#[test]
fn archives_of_every_version_and_compression_load_alike() {
    let Some(fixtures) = fixtures() else { return };
    let path = |name: &str| fixtures.join(format!("archives/varied_{name}.dump"));
    let world = World::empty(Options::default());
    let cluster = world.cluster;
    let reference = cluster.create_database("varied_reference");
    // A user mapping of the archive belongs to this role. bcops skips user mappings.
    cluster.psql("postgres", "CREATE ROLE u7gowner");
    let restored = cluster.pg_restore(&reference, &path("pg15.file"));
    restored.expect("pg_restore of the archive of its own version");
    // Only servers with these features make them.
    let of_newer_servers = |line: &String| line.starts_with("nnd|") || line.starts_with("virt|");
    let rows = |database: &str| {
        let mut rows = digest(cluster, database);
        rows.retain(|line| !of_newer_servers(line));
        rows
    };
    let expected = rows(&reference);
    assert_eq!(expected.len(), 15, "{expected:?}");
    let expected_sequences = sequences(cluster, &reference);
    let mut newer: Option<Vec<String>> = None;
    for name in VARIED {
        let file = path(name);
        let mut arguments = vec!["pull-data", "--yes", "--no-keep-previous", "--file"];
        arguments.push(file.to_str().expect("a path"));
        arguments.extend(UNSCRUBBED);
        let run = world.bcops.run(&arguments);
        eprintln!("{name}: exit {:?}, peak {:.1} MB", run.code, run.peak_memory as f64 / 1e6);
        let run = run.exits(0);
        assert!(run.peak_memory < MOST_MEMORY, "{name}: {} bytes", run.peak_memory);
        let found = rows(&world.target);
        if name < "pg17" {
            assert_same_lines(&found, &expected);
        } else {
            // Since version 17 the source's `\v` is a separate character, so this one table
            // differs.
            let rest = |lines: &[String]| {
                let others = lines.iter().filter(|line| !line.starts_with("all_types|"));
                others.cloned().collect::<Vec<_>>()
            };
            assert_same_lines(&rest(&found), &rest(&expected));
            assert_same_lines(&found, newer.get_or_insert_with(|| found.clone()));
        }
        assert_eq!(sequences(cluster, &world.target), expected_sequences, "{name}");
        let objects = "SELECT count(*), sum(length(lo_get(oid))) FROM pg_largeobject_metadata";
        assert_eq!(world.psql(objects), cluster.psql(&reference, objects), "{name}");
    }
}

#[test]
fn rows_as_statements_are_refused_with_the_reason() {
    let Some(fixtures) = fixtures() else { return };
    let world = World::empty(Options::default()).with_target();
    let file = fixtures.join("archives/varied_pg15.pipe_inserts.dump");
    let file = file.to_str().expect("a path");
    let mut arguments = vec!["pull-data", "--yes", "--file", file];
    world.bcops.run(&arguments).fails(4, &["INSERT statements", "without --inserts"]);
    arguments.extend(UNSCRUBBED);
    world.bcops.run(&arguments).fails(4, &["INSERT statements"]);
    world.assert_untouched();
}
