//! Tests rows of tables that an extension creates, which an archive holds without the tables.

use std::path::PathBuf;

use crate::pull_data::world::World;
use crate::support::site;

const KNOWN: &str = "CREATE TABLE page (id int PRIMARY KEY, title text); \
     INSERT INTO page VALUES (1, 'Home'); \
     CREATE SCHEMA partman; CREATE EXTENSION pg_partman SCHEMA partman; \
     CREATE TABLE event (id int, day timestamptz NOT NULL) PARTITION BY RANGE (day); \
     SELECT partman.create_parent('public.event', 'day', 'native', 'monthly'); \
     DROP TABLE partman.template_public_event; \
     UPDATE partman.part_config SET template_table = NULL;";

/// The manifest with a class for the extension's tables.
fn manifest(part_config: &str) -> String {
    format!(
        "schema_version = 1\n[tables.page]\nclass = \"content\"\ncontent = [\"title\"]\n\
         [tables.event]\nclass = \"operational\"\n{part_config}"
    )
}

fn world(more: &str, dump: &[&str]) -> (World, PathBuf) {
    let world = World::small().with_target();
    let source = world.cluster.create_database("extension");
    let script = world.bcops.write("schema.sql", &format!("{KNOWN} {more}"));
    world
        .cluster
        .run_script(&source, &script)
        .expect("pg_partman, which scripts/install-prerequisites.sh installs");
    let archive = world.bcops.directory().join("work/new.dump");
    match dump {
        [] => site::back_up(world.cluster, &source, &archive).expect("a backup"),
        options => {
            let file = format!("--file={}", archive.display());
            let arguments = [&["--format=custom", &file, &source], options].concat();
            world.cluster.run_tool("pg_dump", &arguments);
        }
    }
    world.bcops.write("bcops.toml", "[scrub]\nmanifest = \"manifest.toml\"\n");
    (world, archive)
}

/// Every column of the tables, as operational.
fn classes(world: &World) -> String {
    let source = "SELECT string_agg(format(E'[tables.\"partman.%s\"]\\nclass = \"operational\"\\noperational = [%s]\\n', t, c), '') \
         FROM (SELECT table_name t, string_agg('\"' || column_name || '\"', ', ') c FROM information_schema.columns \
         WHERE table_schema = 'partman' AND table_name IN ('part_config', 'part_config_sub', 'custom_time_partitions') GROUP BY 1) x";
    let scratch = world.cluster.create_database("classes");
    world
        .cluster
        .psql(&scratch, "CREATE SCHEMA partman; CREATE EXTENSION pg_partman SCHEMA partman");
    world.cluster.psql(&scratch, source)
}

const PULL: [&str; 4] = ["pull-data", "--file", "new.dump", "--yes"];

#[test]
fn extension_rows_load_once_classified() {
    let (world, _) = world("", &[]);
    world.bcops.write("manifest.toml", &manifest(""));
    let unclassified = ["partman.part_config: the table is not classified", "parent_table"];
    world.bcops.run(&PULL).fails(9, &unclassified);
    world.bcops.run(&["scrub-pii", "--dump", "new.dump", "out.dump"]).fails(9, &unclassified);
    world.assert_untouched();

    world.bcops.write("manifest.toml", &manifest(&classes(&world)));
    world.bcops.run(&PULL).exits(0);
    assert_eq!(world.psql("SELECT parent_table FROM partman.part_config"), "public.event");
    world.bcops.run(&["scrub-pii", "--dump", "new.dump", "out.dump"]).exits(0);
    // The loaded database is checked with the same manifest.
    world.bcops.run(&["scrub-pii", "--check"]).exits(0);
    world.bcops.run(&["scrub-pii", "--yes"]).exits(0);

    let excluded = ["--exclude-data", "partman.part_config"];
    world.bcops.run(&[&PULL[..], &excluded].concat()).exits(0);
    assert_eq!(world.psql("SELECT count(*) FROM partman.part_config"), "0");
}

#[test]
fn unclassified_extension_tables_can_be_emptied_and_are_drafted() {
    let (world, _) = world("", &[]);
    world.bcops.write("manifest.toml", &manifest(""));
    world.bcops.run(&[&PULL[..], &["--unclassified", "empty"]].concat()).exits(0);
    assert_eq!(world.psql("SELECT count(*) FROM partman.part_config"), "0");
    let draft = world.bcops.run(&["scrub-pii", "--manifest", "suggest", "--file", "new.dump"]);
    assert!(draft.exits(0).printed().contains("[tables.\"partman.part_config\"]"));
}

#[test]
fn a_dump_without_definitions_is_still_refused() {
    let (world, _) = world("", &["--data-only"]);
    world.bcops.write("manifest.toml", &manifest(&classes(&world)));
    world.bcops.run(&PULL).fails(4, &["does not create that table", "without --data-only"]);
    world.assert_untouched();
}
