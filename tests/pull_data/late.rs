//! Tests that `bcops pull-data` also audits data outside the streamed rows: materialized views,
//! rows written by the manifest's statements, and the archive's definitions.

use std::fs;

use crate::command::Run;
use crate::pull_data::world::World;
use crate::scrub_pii::world::local_with;

const TABLES: &str = "CREATE TABLE page (id int PRIMARY KEY, local text, domain text); \
     INSERT INTO page VALUES (1, 'jo.canary', 'example.org'); ";

const MANIFEST: &str = "[tables.page]\nclass = \"operational\"\n\
     operational = [\"local\", \"domain\", \"note\", \"body\"]\n";

const ADDRESS: &str = "jo.canary@example.org";

/// A backup of a database with the tables and this SQL, pulled over that database.
fn world(sql: &str, manifest: &str) -> World {
    let known = MANIFEST.replace(", \"note\", \"body\"", "");
    let world = local_with(&format!("{TABLES}{sql}"), &format!("{known}{manifest}"));
    let mut dump = world.cluster.tool("pg_dump");
    let dumped = dump.args(["-Fc", "-d", &world.target]).output().expect("pg_dump");
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    let path = world.bcops.write("backup.dump", "");
    fs::write(path, dumped.stdout).expect("a file");
    world
}

fn pull(world: &World, more: &[&str]) -> Run {
    let words = ["pull-data", "--file", "backup.dump", "--yes"];
    world.bcops.run(&[&words[..], more].concat())
}

#[track_caller]
fn assert_refused(world: &World, named: &[&str]) {
    let before = world.databases();
    let run = pull(world, &[]).fails(9, named);
    assert!(!run.printed().contains(ADDRESS), "{}", run.printed());
    assert_eq!(world.databases(), before, "nothing is swapped and nothing is left");
}

#[test]
fn a_materialized_view_is_audited_after_its_refresh() {
    let view = "CREATE MATERIALIZED VIEW contact AS \
                SELECT id, local || '@' || domain AS address FROM page";
    assert_refused(&world(view, ""), &["contact.address: 1 e-mail address"]);
    let deeper = format!("{view}; CREATE MATERIALIZED VIEW second AS SELECT address FROM contact");
    let expected = ["contact.address", "second.address"];
    assert_refused(&world(&deeper, ""), &expected);
    // The manifest's rules for a view's columns apply.
    let classed = "[tables.contact]\nclass = \"content\"\ncontent = [\"address\"]\n";
    let world = world(view, classed);
    pull(&world, &[]).exits(0);
    assert_eq!(world.psql("SELECT address FROM contact"), ADDRESS);
    // Without a scrub nothing is audited.
    pull(&world, &["--no-scrub", "--i-need-personal-data", "a test"]).exits(0);
}

#[test]
fn rows_written_by_the_manifests_statements_are_audited() {
    let after = |sql: &str| format!("[[after]]\npolicies = [\"local\"]\nsql = \"\"\"{sql}\"\"\"\n");
    let insert = "INSERT INTO page VALUES (2, 'jo.canary' || '@example.org', '')";
    for sql in [
        insert.to_owned(),
        "UPDATE page SET local = local || '@' || domain".to_owned(),
        format!("SAVEPOINT a; {insert}; RELEASE a"),
        // Statements that end the transaction, or cannot run in one.
        format!("{insert}; COMMIT; SELECT 1"),
        format!("COMMIT; BEGIN; {insert}"),
        format!("COMMIT; {insert}"),
    ] {
        assert_refused(&world("", &after(&sql)), &["page.local: 1 e-mail address"]);
    }
    let deferred = "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN UPDATE page SET local = local || '@' || domain; RETURN NULL; END$$; \
         CREATE TABLE mark (id int); CREATE CONSTRAINT TRIGGER later AFTER INSERT ON mark \
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fill()";
    let marked = format!(
        "[tables.mark]\nclass = \"operational\"\n{}",
        after("SET search_path = public; INSERT INTO mark VALUES (1)")
    );
    assert_refused(&world(deferred, &marked), &["page.local: 1 e-mail address"]);
    // Unclassified tables and columns.
    let column = "ALTER TABLE page ADD more text DEFAULT 'jo.canary' || '@example.org'";
    assert_refused(&world("", &after(column)), &["page.more"]);
    let table = "CREATE TABLE copied AS SELECT local || '@' || domain AS address FROM page";
    assert_refused(&world("", &after(table)), &["copied"]);
    // Harmless statements pass, including those that cannot run in a transaction.
    for sql in ["INSERT INTO page VALUES (2, 'x', 'y')", "VACUUM page"] {
        let world = world("", &after(sql));
        pull(&world, &[]).exits(0);
    }
}

#[test]
fn a_table_that_is_read_again_is_counted_once() {
    let content = "CREATE TABLE story (id int PRIMARY KEY, text text); \
         INSERT INTO story VALUES (1, 'ask jo.canary@example.org'), (2, 'ask al@example.org')";
    let manifest = "[tables.story]\nclass = \"content\"\ncontent = [\"text\"]\n";
    let after = |sql: &str| {
        format!("{manifest}[[after]]\npolicies = [\"local\"]\nsql = \"\"\"{sql}\"\"\"\n")
    };
    let insert = "INSERT INTO story VALUES (3, 'ask ed@example.org')";
    for (manifest, counted) in [
        (manifest.to_owned(), 2),
        // After this the whole database is read again.
        (after("VACUUM story"), 2),
        (after("UPDATE story SET id = id + 10"), 2),
        (after(insert), 3),
        (after(&format!("{insert}; COMMIT; SELECT 1")), 3),
        // What the load itself has written is not written by the statement.
        (after("SELECT 1"), 2),
    ] {
        let world = world(content, &manifest);
        let run = pull(&world, &["--json"]).exits(0);
        let audit = &run.json()["result"]["audit"];
        assert_eq!(audit.as_array().map(Vec::len), Some(1), "{manifest}: {audit}");
        assert_eq!(audit[0]["count"], counted, "{manifest}: {audit}");
    }
}

#[test]
fn the_definitions_of_the_archive_are_audited() {
    for (sql, entry) in [
        ("COMMENT ON TABLE page IS 'ask jo.canary@example.org'", "COMMENT public.TABLE page"),
        ("COMMENT ON COLUMN page.id IS 'call 01296 395000'", "COMMENT public.COLUMN page.id"),
        ("ALTER TABLE page ALTER local SET DEFAULT 'jo.canary@example.org'", "page"),
        ("ALTER TABLE page ADD CHECK (local <> 'jo.canary@example.org2')", "page"),
        ("CREATE TYPE kind AS ENUM ('jo.canary@example.org')", "TYPE public.kind"),
        ("CREATE VIEW v AS SELECT 'jo.canary@example.org' AS a", "VIEW public.v"),
        (
            "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$SELECT 'AB 22 33 44 C'$$",
            "FUNCTION public.f()",
        ),
        ("CREATE INDEX i ON page (id) WHERE local = 'jo.canary@example.org'", "INDEX public.i"),
        ("CREATE DOMAIN d AS text CHECK (VALUE <> E'jo.canary\\x40example.org')", "DOMAIN"),
        ("CREATE TABLE \"jo.canary@example.org\" (id int)", "TABLE "),
    ] {
        let manifest = "[tables.\"public.jo.canary@example.org\"]\nclass = \"operational\"\n";
        let manifest = if sql.contains("\"jo") { manifest } else { "" };
        assert_refused(&world(sql, manifest), &["the definition of", entry, "audit.allow"]);
    }
    let world = world(
        "COMMENT ON TABLE page IS 'ask jo.canary@example.org'",
        "[audit]\nallow = { email = [\"jo.canary@example.org\"] }\n",
    );
    pull(&world, &[]).exits(0);
    // A scrubbed file is audited in the same way, and so is a schema without such data.
    crate::scrub_pii::world::set_manifest(&world, &MANIFEST.replace(", \"note\", \"body\"", ""));
    let words = ["scrub-pii", "--dump", "backup.dump", "out.dump"];
    world.bcops.run(&words).fails(9, &["the definition of COMMENT public.TABLE page"]);
}
