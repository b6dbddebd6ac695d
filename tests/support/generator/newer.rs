//! Adds features of newer servers.

use super::builder::Builder;

/// Since 17.
pub fn of_17(b: &mut Builder) {
    let (parted, part) = (b.qualified("identified"), b.qualified("part"));
    run!(
        b,
        "CREATE TABLE {parted} (id int GENERATED ALWAYS AS IDENTITY (START 50), n int, \
         EXCLUDE USING btree (n WITH =)) PARTITION BY LIST (n)"
    );
    run!(b, "CREATE TABLE {part} PARTITION OF {parted} FOR VALUES IN (1, 2)");
    run!(b, "INSERT INTO {parted} (n) VALUES (1), (2)");
    let view = b.qualified("builtin");
    run!(b, "CREATE VIEW {view} AS SELECT 1 AS id, json_value('{{\"a\": 1}}'::jsonb, '$.a') AS t");
}

/// Since 18.
pub fn of_18(b: &mut Builder) {
    let (name, key, text) = (b.qualified("modern"), b.name("id"), b.name("text"));
    let (not_null, not_valid, unenforced, virtual_column) =
        (b.name("not null"), b.name("not valid"), b.name("unenforced"), b.name("virtual"));
    run!(
        b,
        "CREATE TABLE {name} ({key} int CONSTRAINT {not_null} NOT NULL NO INHERIT, {text} text, \
         {virtual_column} int GENERATED ALWAYS AS ({key} * 2) VIRTUAL, late text)"
    );
    run!(
        b,
        "INSERT INTO {name} ({key}, {text}) SELECT g, nullif(g, 3) FROM generate_series(1, 9) g"
    );
    run!(b, "ALTER TABLE {name} ADD CONSTRAINT {not_valid} NOT NULL {text} NOT VALID");
    run!(b, "ALTER TABLE {name} ADD CONSTRAINT {unenforced} CHECK ({key} < 5) NOT ENFORCED");
    run!(b, "COMMENT ON CONSTRAINT {not_null} ON {name} IS 'named'");
    let (parent, child) = (b.qualified("parent"), b.qualified("child"));
    run!(b, "CREATE TABLE {parent} (a int CONSTRAINT {not_null} NOT NULL, b text NOT NULL)");
    run!(b, "CREATE TABLE {child} (b text CONSTRAINT {not_valid} NOT NULL) INHERITS ({parent})");
    run!(b, "INSERT INTO {child} VALUES (1, 'b')");
    let (periods, referring) = (b.qualified("periods"), b.qualified("referring"));
    // A range only needs no extension.
    run!(
        b,
        "CREATE TABLE {periods} (during daterange, of int4range, PRIMARY KEY (of, during WITHOUT OVERLAPS))"
    );
    run!(
        b,
        "INSERT INTO {periods} VALUES ('[2024-01-01,2025-01-01)', '[1,2)'), ('[2025-01-01,2026-01-01)', '[1,2)')"
    );
    run!(
        b,
        "CREATE TABLE {referring} (during daterange, of int4range, UNIQUE (of, during WITHOUT OVERLAPS), \
         FOREIGN KEY (of, PERIOD during) REFERENCES {periods} (of, PERIOD during))"
    );
    run!(b, "INSERT INTO {referring} VALUES ('[2024-06-01,2025-06-01)', '[1,2)')");
    let (referred, constraint) = (b.table(), b.name("fk"));
    run!(b, "ALTER TABLE {name} ADD COLUMN r bigint DEFAULT -1");
    run!(
        b,
        "ALTER TABLE {name} ADD CONSTRAINT {constraint} FOREIGN KEY (r) REFERENCES {} ({}) NOT ENFORCED",
        referred.name,
        referred.key
    );
}
