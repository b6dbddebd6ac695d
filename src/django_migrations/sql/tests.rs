//! Tests statements as migrations write them.

use super::*;

fn column(name: &str, type_name: &str, not_null: bool) -> NewColumn {
    NewColumn { name: name.into(), type_name: type_name.into(), not_null, primary: name == "id" }
}

#[test]
fn tables_and_columns_are_followed() {
    let text = "
        -- a comment; with a semicolon
        CREATE TABLE IF NOT EXISTS public.\"Old-Table\" (
            id serial PRIMARY KEY,
            email varchar(254) NOT NULL UNIQUE,
            price numeric(9, 2) DEFAULT 0 CHECK (price > 0),
            tags text[],
            seen timestamptz REFERENCES other (id),
            CONSTRAINT one UNIQUE (email, price)
        ) WITH (fillfactor = 70);
        ALTER TABLE ONLY t ADD COLUMN IF NOT EXISTS a int, ADD b double precision NOT NULL,
            DROP COLUMN c CASCADE, ALTER COLUMN d TYPE text USING d::text, ALTER e SET NOT NULL,
            ADD CONSTRAINT u UNIQUE (a, b), ALTER f DROP DEFAULT;
        ALTER TABLE t RENAME COLUMN g TO h;
        alter table t rename to s;
        DROP TABLE IF EXISTS x, y CASCADE;
    ";
    let t = || "t".to_owned();
    let expected = vec![
        Change::CreateTable {
            table: "Old-Table".into(),
            columns: vec![
                column("id", "integer", true),
                column("email", "character varying(254)", true),
                column("price", "numeric(9,2)", false),
                column("tags", "text[]", false),
                column("seen", "timestamp with time zone", false),
            ],
        },
        Change::AddColumn { table: t(), column: column("a", "integer", false) },
        Change::AddColumn { table: t(), column: column("b", "double precision", true) },
        Change::DropColumn { table: t(), column: "c".into() },
        Change::AlterType { table: t(), column: "d".into(), type_name: "text".into() },
        Change::SetNotNull { table: t(), column: "e".into(), not_null: true },
        Change::RenameColumn { table: t(), column: "g".into(), new: "h".into() },
        Change::RenameTable { table: t(), new: "s".into() },
        Change::DropTable { table: "x".into() },
        Change::DropTable { table: "y".into() },
    ];
    assert_eq!(read(text), Ok(expected));
}

#[test]
fn statements_without_columns_pass() {
    for text in [
        "",
        " ; ;",
        "UPDATE t SET a = 'CREATE TABLE x (a text)' WHERE b = \"c\"",
        "CREATE UNIQUE INDEX CONCURRENTLY i ON t (lower(a))",
        "CREATE FUNCTION f() RETURNS trigger AS $body$ BEGIN; CREATE TABLE x (); END $body$ LANGUAGE plpgsql",
        "SELECT setval('s', 1)",
        "CREATE TEMP TABLE x AS SELECT 1",
        "/* CREATE TABLE x (a text) */ SET search_path = public",
    ] {
        assert_eq!(read(text), Ok(Vec::new()), "{text}");
    }
}

#[test]
fn what_cannot_be_followed_is_an_error() {
    for text in [
        "CREATE TABLE x AS SELECT * FROM users",
        "SELECT * INTO x FROM users",
        "SELECT create_table()",
        "CREATE TABLE x (LIKE users)",
        "CREATE TABLE x (a text) INHERITS (users)",
        "CREATE TABLE x PARTITION OF users DEFAULT",
        "CREATE TABLE other.x (a text)",
        "ALTER TABLE x SET SCHEMA other",
        "ALTER TABLE x ADD",
        "DO $$ BEGIN CREATE TABLE x (a text); END $$",
        "CREATE TABLE x (a text",
        "UPDATE t SET a = 'b",
        "WITH a AS (SELECT 1) SELECT 2",
        "ALTER",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    let error = read("MERGE INTO x 'a person'").unwrap_err();
    assert_eq!(error, "cannot follow `MERGE INTO X … …`");
}
