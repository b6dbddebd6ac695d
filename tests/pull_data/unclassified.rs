//! Tests `--unclassified empty`: unclassified tables and columns are loaded without contents.

use crate::pull_data::world::World;
use crate::support::site;

const MANIFEST: &str = "schema_version = 1\n[tables.page]\nclass = \"content\"\ncontent = [\"title\"]\n\
     [tables.person]\nclass = \"personal\"\npersonal = [\"name\"]\noperational = [\"id\"]\n\
     [tables.person.policy.any]\nset = { name = \"User {id}\" }\n";

const KNOWN: &str = "CREATE TABLE page (id int PRIMARY KEY, title text); \
     INSERT INTO page VALUES (1, 'Home'), (2, 'News'); \
     CREATE TABLE person (id int PRIMARY KEY, name text); \
     INSERT INTO person VALUES (1, 'Ann Canary'), (2, 'Bob Canary');";

/// A world in which a pull of `new.dump` brings what this SQL adds to two known tables.
fn world(sql: &str) -> World {
    let world = World::small().with_target();
    let source = world.cluster.create_database("unclassified");
    let script = world.bcops.write("schema.sql", &format!("{KNOWN} {sql}"));
    world.cluster.run_script(&source, &script).expect("the schema");
    let archive = world.bcops.directory().join("work/new.dump");
    site::back_up(world.cluster, &source, &archive).expect("a backup");
    world.bcops.write("manifest.toml", MANIFEST);
    world.bcops.write("bcops.toml", "[scrub]\nmanifest = \"manifest.toml\"\n");
    world
}

const PULL: [&str; 4] = ["pull-data", "--file", "new.dump", "--yes"];
const EMPTY: [&str; 6] = ["pull-data", "--file", "new.dump", "--yes", "--unclassified", "empty"];

#[test]
fn tables_come_without_rows_and_columns_without_values() {
    let world = world(
        "CREATE TABLE patient (id serial PRIMARY KEY, nhs_number bigint, page_id int REFERENCES page); \
         INSERT INTO patient (nhs_number, page_id) VALUES (4857773456, 1), (4857773464, 2); \
         CREATE TABLE visit (patient_id int NOT NULL REFERENCES patient); INSERT INTO visit VALUES (1); \
         CREATE TYPE mood AS ENUM ('so-so', 'fine'); \
         ALTER TABLE page ADD date_of_birth date DEFAULT '1980-02-03', \
           ADD note text NOT NULL DEFAULT 'Ann Canary', \
           ADD tags int[] NOT NULL DEFAULT '{7}', ADD patient_id int REFERENCES patient; \
         ALTER TABLE page ALTER note DROP DEFAULT, ALTER tags DROP DEFAULT; \
         UPDATE page SET patient_id = id; \
         ALTER TABLE person ADD age int NOT NULL DEFAULT 44 CHECK (age >= 18), \
           ADD seen timestamptz NOT NULL DEFAULT now(), ADD key uuid UNIQUE NOT NULL DEFAULT gen_random_uuid(), \
           ADD mail varchar(40) UNIQUE, ADD code varchar(12) UNIQUE, ADD doc jsonb NOT NULL DEFAULT '{\"a\": 1}', \
           ADD feels mood NOT NULL DEFAULT 'fine', ADD kind text NOT NULL DEFAULT 'x' CHECK (kind IN ('x', 'y')), \
           ADD born date, ADD blob bytea NOT NULL DEFAULT 'Canary'; \
         UPDATE person SET code = 'Canary ' || id; \
         ALTER TABLE person ALTER code SET NOT NULL, ALTER age DROP DEFAULT, ALTER doc DROP DEFAULT, \
           ALTER feels DROP DEFAULT, ALTER kind DROP DEFAULT, ALTER blob DROP DEFAULT;",
    );
    world
        .bcops
        .run(&PULL)
        .fails(9, &["patient: the table is not classified", "--unclassified empty"]);
    world.assert_untouched();
    let lines =
        ["patient, loaded without rows", "person.age", "[tables.patient]", "class = \"personal\""];
    let run = world.bcops.run(&EMPTY).exits(0);
    for words in lines {
        assert!(run.stderr.contains(words), "{words}\n{}", run.printed());
    }
    assert_eq!(world.psql("SELECT count(*) FROM patient"), "0");
    assert_eq!(world.psql("SELECT count(*) FROM visit"), "0");
    let pages = "SELECT id, title, date_of_birth, note, tags, patient_id FROM page ORDER BY id";
    assert_eq!(world.psql(pages), "1|Home|||{}|\n2|News|||{}|");
    let people = "SELECT id, name, age, mail, code, doc, feels, kind, born, length(blob) FROM person ORDER BY id";
    assert_eq!(world.psql(people), "1|User 1|18||1|{}|so-so|x||0\n2|User 2|18||2|{}|so-so|x||0");
    assert_eq!(world.psql("SELECT count(DISTINCT key) FROM person"), "2");
    assert_eq!(world.psql("SELECT count(*) FROM page WHERE title IS NULL"), "0");

    let json = world.bcops.run(&[&EMPTY[..], &["--json"]].concat()).exits(0).json();
    let unclassified = &json["result"]["unclassified"];
    assert_eq!(unclassified["tables"], serde_json::json!(["patient", "visit"]), "{json}");
    assert!(unclassified["columns"].as_array().is_some_and(|all| all.len() == 14), "{json}");
}

#[test]
fn the_setting_does_the_same_and_its_value_is_checked() {
    let world = world("CREATE TABLE patient (id int); INSERT INTO patient VALUES (1);");
    world.bcops.run(&EMPTY[..4]).exits(9);
    world.bcops.run(&[&EMPTY[..5], &["stop"]].concat()).exits(9);
    let mut world = world;
    world.bcops.set("BCOPS_SCRUB_UNCLASSIFIED", "empty");
    world.bcops.run(&[&EMPTY[..5], &["stop"]].concat()).exits(9);
    world.bcops.run(&PULL).exits(0);
    assert_eq!(world.psql("SELECT count(*) FROM patient"), "0");
    world.bcops.set("BCOPS_SCRUB_UNCLASSIFIED", "anything");
    world.bcops.run(&PULL).fails(3, &["scrub.unclassified", "\"stop\" or \"empty\""]);
}

#[test]
fn rows_that_need_emptied_data_are_listed_and_stop_the_pull() {
    let world = world(
        "CREATE TABLE patient (id int PRIMARY KEY); INSERT INTO patient VALUES (1), (2); \
         ALTER TABLE page ADD patient_id int NOT NULL DEFAULT 1 REFERENCES patient; \
         CREATE TABLE nobody (id int PRIMARY KEY); \
         ALTER TABLE person ADD nobody_id int REFERENCES nobody;",
    );
    let named = MANIFEST.replace("content = [\"title\"]", "content = [\"title\", \"patient_id\"]");
    world.bcops.write("manifest.toml", &named.replace("[\"id\"]", "[\"id\", \"nobody_id\"]"));
    let lines = ["2 rows of page need rows of patient", "page.patient_id"];
    let run = world.bcops.run(&EMPTY).fails(9, &lines);
    assert!(!run.printed().contains("of person"), "{}", run.printed());
    world.assert_untouched();
    // Without such rows nothing stops it.
    let source = world.cluster.create_database("unclassified_empty");
    let sql = "CREATE TABLE patient (id int PRIMARY KEY); INSERT INTO patient VALUES (1); \
               CREATE TABLE page (id int PRIMARY KEY, title text, patient_id int NOT NULL REFERENCES patient);";
    world.cluster.psql(&source, sql);
    let archive = world.bcops.directory().join("work/new.dump");
    site::back_up(world.cluster, &source, &archive).expect("a backup");
    world.bcops.run(&EMPTY).exits(0);
}

#[test]
fn a_column_without_a_possible_value_stops_the_pull() {
    for (sql, column) in [
        (
            "ALTER TABLE person ADD number int UNIQUE; UPDATE person SET number = id; \
          ALTER TABLE person ALTER number SET NOT NULL",
            "person.number",
        ),
        (
            "ALTER TABLE page ADD address text NOT NULL DEFAULT 'x' CHECK (length(address) > 0); \
          ALTER TABLE page ALTER address DROP DEFAULT",
            "page.address",
        ),
        ("ALTER TABLE person ADD born date CHECK (born IS NOT NULL OR id > 0)", "person.born"),
        (
            "CREATE DOMAIN mail AS text CHECK (VALUE ~ '@'); \
          ALTER TABLE page ADD written mail NOT NULL DEFAULT 'ann@canary.example'; \
          ALTER TABLE page ALTER written DROP DEFAULT",
            "page.written",
        ),
    ] {
        let world = world(sql);
        world.bcops.run(&EMPTY).fails(9, &[column, "is not classified"]);
        world.assert_untouched();
    }
    // The key of a personal table that is not listed.
    let world = world("");
    world.bcops.write("manifest.toml", &MANIFEST.replace("operational = [\"id\"]\n", ""));
    world.bcops.run(&EMPTY).fails(9, &["person.id: the column (integer) is not classified"]);
}

#[test]
fn at_a_terminal_it_asks_and_no_answer_means_no() {
    let world = world("CREATE TABLE patient (id int); INSERT INTO patient VALUES (1);");
    for (answer, code) in [("no", 9), ("", 9), ("yes", 0)] {
        let mut terminal = world.bcops.start_on_terminal(&PULL);
        terminal.wait_for("Load these empty?");
        terminal.type_line(answer);
        let (ended, screen) = terminal.finish();
        assert_eq!(ended, Some(code), "{answer}: {screen}");
        assert!(screen.contains("patient: the table is not classified"), "{screen}");
        if code == 9 {
            world.assert_untouched();
        }
    }
    assert_eq!(world.psql("SELECT count(*) FROM patient"), "0");
}
