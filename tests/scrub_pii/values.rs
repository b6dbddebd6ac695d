//! Tests manifest values that the database refuses: every command that applies a manifest finds
//! them before the first row.

use crate::pull_data::world::World;
use crate::scrub_pii::world::{local_with, rows, scrub};
use crate::support::site;

const PERSON: [&str; 2] = [
    "[tables.person]\nclass = \"personal\"\noperational = [\"id\"]\npersonal = [",
    "]\n[tables.person.policy.any]\n",
];

fn manifest(columns: &str, rule: &str) -> String {
    let [start, end] = PERSON;
    format!("{start}{columns}{end}{rule}\n")
}

/// A local database of this kind, and its backup as `whole.dump`.
fn world(sql: &str, manifest: &str) -> World {
    let world = local_with(sql, manifest);
    let archive = world.bcops.directory().join("work/whole.dump");
    site::back_up(world.cluster, &world.target, &archive).expect("a backup");
    world
}

const DUMP: [&str; 4] = ["scrub-pii", "--dump", "whole.dump", "out.dump"];

fn pull(world: &World) -> crate::command::Run {
    let target = format!("{}_pulled", world.target);
    world.bcops.run(&["pull-data", "--file", "whole.dump", "--yes", "--target", &target])
}

/// A server refuses it, and `--dump` reports what it did not evaluate.
#[track_caller]
fn refused(world: &World, words: &[&str]) {
    let before = rows(world.cluster, &world.target);
    scrub(world, &["--yes"]).fails(9, words);
    pull(world).fails(9, words);
    assert_eq!(rows(world.cluster, &world.target), before);
    for suffix in ["_pulled", "_pulled_bcops_scratch", "_pulled_bcops_incoming"] {
        let name = format!("{}{suffix}", world.target);
        assert!(!world.cluster.database_exists(&name), "{name} is there");
    }
}

#[test]
fn a_check_that_only_the_server_understands() {
    let world = world(
        "CREATE TABLE person (id int PRIMARY KEY, name text, phone text CHECK (phone ~ '^Z[0-9]+$')); \
         INSERT INTO person VALUES (1, 'Ann Canary', 'Z123')",
        &manifest("\"name\", \"phone\"", "set = { phone = \"000\", name = \"E {id}\" }"),
    );
    let words = ["person.phone", "person_phone_check", "'^Z[0-9]+$'", "\"000\"", "hint:"];
    refused(&world, &words);
    let run = world.bcops.run(&DUMP).exits(0);
    run.says(&["warning: person.phone is rewritten", "person_phone_check", "was not checked"]);
}

#[test]
fn domains_and_functions_of_the_archive() {
    let world = world(
        "CREATE SCHEMA other; \
         CREATE FUNCTION other.is_code(text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RETURN $1 LIKE 'Z%'; END$$; \
         CREATE DOMAIN other.code AS varchar(40) CHECK (other.is_code(VALUE)); \
         CREATE DOMAIN corp AS text NOT NULL CHECK (VALUE ~ '@corp[.]org$'); \
         CREATE TABLE person (id int PRIMARY KEY, code other.code, mail corp, name text CHECK (other.is_code(name))); \
         INSERT INTO person VALUES (1, 'Z1', 'canary@corp.org', 'Zoe Canary')",
        &manifest(
            "\"code\", \"mail\", \"name\"",
            "set = { code = \"A{id}\", mail = \"{id}@example.invalid\", name = \"E {id}\" }\naudit_allow = [\"mail\"]",
        ),
    );
    let words =
        ["person.code", "other.code", "person.mail", "the domain public.corp", "person.name"];
    refused(&world, &words);
    world.bcops.run(&DUMP).exits(0).says(&[
        "domain other.code",
        "domain public.corp",
        "is_code(name)",
    ]);
    world.bcops.write(
        "manifest.toml",
        &format!(
            "schema_version = 1\n{}",
            manifest(
                "\"code\", \"mail\", \"name\"",
                "set = { code = \"Z{id}\", mail = \"{id}@corp.org\", name = \"Z {id}\" }\naudit_allow = [\"mail\"]",
            )
        ),
    );
    pull(&world).exits(0);
    scrub(&world, &["--yes"]).exits(0);
}

#[test]
fn certain_failures_need_no_server() {
    let world = world(
        "CREATE DOMAIN filled AS text NOT NULL; CREATE DOMAIN short AS varchar(4); \
         CREATE TABLE person (id int PRIMARY KEY, kind text CHECK (kind IN ('a', 'b')), \
           age int CONSTRAINT adult CHECK (age >= 18), name filled, nick short); \
         INSERT INTO person VALUES (1, 'a', 44, 'Ann Canary', 'Ann')",
        &manifest(
            "\"kind\", \"age\", \"name\", \"nick\"",
            "set = { kind = \"c\", age = \"0\", nick = \"longer\" }\nnull = [\"name\"]",
        ),
    );
    let words = [
        "person_kind_check",
        "adult",
        "domain public.filled is NOT NULL",
        "the column allows only 4",
    ];
    refused(&world, &words);
    world.bcops.run(&DUMP).fails(9, &words);
    let validate = ["scrub-pii", "--manifest", "validate", "--file", "whole.dump"];
    let printed = world.bcops.run(&validate).exits(9).printed();
    assert!(printed.contains("person_kind_check") && printed.contains("adult"), "{printed}");
}

/// One of two columns is NULL in each row, so the rule's value is valid wherever it is written.
#[test]
fn a_check_that_depends_on_the_rest_of_the_row_stops_nothing() {
    let world = world(
        "CREATE TABLE person (id int PRIMARY KEY, mail text, phone text, \
           CHECK ((mail IS NULL) <> (phone IS NULL)), CHECK (coalesce(mail, phone, '') <> 'x'), \
           CHECK (id < 5 OR mail ~ '@')); \
         INSERT INTO person VALUES (1, 'canary@example.com', NULL), (2, NULL, '020 7946 0000')",
        &manifest("\"mail\", \"phone\"", "set = { mail = \"m{id}\", phone = \"p{id}\" }"),
    );
    pull(&world).exits(0);
    scrub(&world, &["--yes"]).exits(0);
}

#[test]
fn a_partition_key_is_never_rewritten() {
    let world = world(
        "CREATE TABLE person (id int NOT NULL, town text NOT NULL, born date NOT NULL, name text) \
           PARTITION BY RANGE (id, lower(town)); \
         CREATE TABLE person_a PARTITION OF person FOR VALUES FROM (0, 'a') TO (9, 'z') PARTITION BY LIST (born); \
         CREATE TABLE person_a1 PARTITION OF person_a DEFAULT; \
         INSERT INTO person VALUES (1, 'canary', '1980-02-03', 'Ann Canary')",
        &manifest(
            "\"town\", \"born\", \"name\"",
            "set = { town = \"town\", name = \"x\" }\nreason = \"test\"",
        ),
    );
    let words = ["person.town", "partition key of person", "delete the rows"];
    refused(&world, &words);
    world.bcops.run(&DUMP).fails(9, &words);
}
