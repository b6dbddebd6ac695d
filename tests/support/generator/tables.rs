//! Adds tables: rows of any size, keys, constraints, inheritance, added and dropped columns.

use super::builder::Builder;

pub fn plain(b: &mut Builder) {
    b.new_table("");
}

pub fn schema(b: &mut Builder) {
    let name = b.name("schema");
    run!(b, "CREATE SCHEMA {name}");
    b.schemas.push(name);
}

pub fn empty_and_without_columns(b: &mut Builder) {
    let name = b.qualified("nothing");
    run!(b, "CREATE TABLE {name} ()");
    if b.random.one_in(2) {
        run!(b, "INSERT INTO {name} DEFAULT VALUES");
        run!(b, "INSERT INTO {name} DEFAULT VALUES");
    }
}

/// Mostly small rows, sometimes one of megabytes, in any place.
pub fn large_rows(b: &mut Builder) {
    let name = b.qualified("large");
    run!(b, "CREATE TABLE {name} (id int PRIMARY KEY, t text, b bytea)");
    let most = if b.random.one_in(20) { 7 } else { 4 };
    for number in 0..b.random.between(1, 5) {
        let sizes = [1, 3000, 70_000, 1_000_000, 4_300_000, 8_388_607, 20_000_000, 50_000_000];
        let size = sizes[b.random.below(most + 1)];
        let bytes =
            if b.random.one_in(3) { "decode(repeat('00ff5c', 500), 'hex')" } else { "NULL" };
        run!(
            b,
            "INSERT INTO {name} VALUES ({number}, repeat(E'x\\\\\\n', {size} / 3 + 1), {bytes})"
        );
    }
}

/// Circular keys, deferrable or not, some of them not validated.
pub fn foreign_keys(b: &mut Builder) {
    let (one, two) = (b.new_table(""), b.new_table(""));
    for (from, to) in [(&one, &two), (&two, &one)] {
        let column = b.name("ref");
        let constraint = b.name("fk");
        let more = *b.random.pick(&[
            "",
            "DEFERRABLE",
            "DEFERRABLE INITIALLY DEFERRED",
            "NOT VALID",
            "ON DELETE CASCADE",
            "ON DELETE SET NULL ON UPDATE CASCADE",
            "MATCH FULL",
        ]);
        let (name, key) = (&from.name, &from.key);
        run!(b, "ALTER TABLE {name} ADD COLUMN {column} bigint");
        run!(b, "UPDATE {name} SET {column} = {key} WHERE {key} <= {} AND {key} % 2 = 0", to.rows);
        if more == "NOT VALID" && from.rows > 0 {
            run!(b, "UPDATE {name} SET {column} = -1 WHERE {key} = 1");
        }
        run!(
            b,
            "ALTER TABLE {name} ADD CONSTRAINT {constraint} FOREIGN KEY ({column}) REFERENCES {} ({}) {more}",
            to.name,
            to.key
        );
    }
    // To itself.
    let constraint = b.name("fk");
    run!(
        b,
        "ALTER TABLE {0} ADD CONSTRAINT {constraint} FOREIGN KEY ({1}) REFERENCES {0} ({1})",
        one.name,
        one.key
    );
}

pub fn constraints(b: &mut Builder) {
    let table = b.new_table("");
    let (name, key, text) = (&table.name, &table.key, &table.text);
    let constraint = b.name("check");
    let more = *b.random.pick(&["", "NOT VALID", "NO INHERIT"]);
    run!(
        b,
        "ALTER TABLE {name} ADD CONSTRAINT {constraint} CHECK ({key} > 0 AND length({text}) > 0) {more}"
    );
    if b.random.one_in(2) && table.rows > 0 {
        let constraint = b.name("violated");
        run!(b, "ALTER TABLE {name} ADD CONSTRAINT {constraint} CHECK ({key} <> 1) NOT VALID");
    }
    let constraint = b.name("unique");
    let more =
        *b.random.pick(&["", "NULLS NOT DISTINCT", "DEFERRABLE INITIALLY DEFERRED", "INCLUDE"]);
    let sql = match more {
        "NULLS NOT DISTINCT" => format!("UNIQUE NULLS NOT DISTINCT ({text}, {key})"),
        "INCLUDE" => format!("UNIQUE ({text}) INCLUDE ({key})"),
        _ => format!("UNIQUE ({text}, {key}) {more}"),
    };
    run!(b, "ALTER TABLE {name} ADD CONSTRAINT {constraint} {sql}");
    let exclusion = b.qualified("exclusion");
    run!(
        b,
        "CREATE TABLE {exclusion} (during int4range, EXCLUDE USING gist (during WITH &&) WHERE (NOT isempty(during)))"
    );
    run!(
        b,
        "INSERT INTO {exclusion} SELECT int4range(g * 10, g * 10 + 5) FROM generate_series(1, 20) g"
    );
}

pub fn generated_and_identity(b: &mut Builder) {
    let name = b.qualified("generated");
    let (id, other, made) = (b.name("id"), b.name("other"), b.name("made"));
    let kind = *b.random.pick(&["ALWAYS", "BY DEFAULT"]);
    let options = *b.random.pick(&[
        "",
        "(START 100 INCREMENT 7)",
        "(MINVALUE -5 START -5 CYCLE MAXVALUE 900)",
    ]);
    run!(
        b,
        "CREATE TABLE {name} ({made} text GENERATED ALWAYS AS (upper({other}) || ',') STORED, \
         {id} int GENERATED {kind} AS IDENTITY {options}, {other} text DEFAULT 'none', s serial, \
         d timestamptz DEFAULT '2024-01-01Z' NOT NULL)"
    );
    run!(b, "INSERT INTO {name} ({other}) SELECT 'o' || g FROM generate_series(1, 50) g");
    let sequence = b.qualified("sequence");
    let kind = *b.random.pick(&["", "AS smallint", "INCREMENT -1", "CACHE 10", "START 5"]);
    run!(b, "CREATE SEQUENCE {sequence} {kind}");
    match b.random.below(3) {
        0 => run!(b, "SELECT nextval('{}')", sequence.replace('\'', "''")),
        1 => run!(
            b,
            "ALTER TABLE {name} ALTER COLUMN {other} SET DEFAULT nextval('{}')",
            sequence.replace('\'', "''")
        ),
        _ => {}
    }
}

pub fn inheritance(b: &mut Builder) {
    let parent = b.new_table("");
    let (child, grandchild) = (b.qualified("child"), b.qualified("grandchild"));
    let more = b.name("more");
    let (key, text) = (&parent.key, &parent.text);
    run!(b, "CREATE TABLE {child} ({more} int DEFAULT 3, {key} bigint) INHERITS ({})", parent.name);
    run!(b, "CREATE TABLE {grandchild} () INHERITS ({child})");
    run!(b, "ALTER TABLE ONLY {child} ALTER COLUMN {text} SET DEFAULT 'child''s'");
    let constraint = b.name("inherited");
    run!(b, "ALTER TABLE {} ADD CONSTRAINT {constraint} CHECK ({key} IS NOT NULL)", parent.name);
    for table in [&child, &grandchild] {
        run!(b, "INSERT INTO {table} ({key}) SELECT g FROM generate_series(1, 9) g");
    }
    if b.random.one_in(2) {
        let second = b.new_table("");
        let many = b.qualified("two_parents");
        let apart = second.key != *key && second.text != *text;
        if apart {
            run!(b, "CREATE TABLE {many} () INHERITS ({})", second.name);
        }
    }
}

pub fn columns_come_and_go(b: &mut Builder) {
    let table = b.new_table("");
    let (dropped, late) = (b.name("dropped"), b.name("late"));
    let name = &table.name;
    run!(
        b,
        "ALTER TABLE {name} ADD COLUMN {dropped} int DEFAULT 1, ADD COLUMN {late} text DEFAULT E'a\\tb'"
    );
    run!(b, "ALTER TABLE {name} DROP COLUMN {dropped}");
    if b.random.one_in(2) {
        run!(b, "ALTER TABLE {name} DROP COLUMN {}, ADD COLUMN {} text", table.text, table.text);
    }
}

pub fn settings(b: &mut Builder) {
    let table = b.new_table("");
    let (name, key, text) = (&table.name, &table.key, &table.text);
    run!(
        b,
        "ALTER TABLE {name} ALTER COLUMN {text} SET STORAGE {}",
        b.random.pick(&["EXTERNAL", "MAIN", "PLAIN"])
    );
    run!(b, "ALTER TABLE {name} ALTER COLUMN {text} SET COMPRESSION {}", "pglz");
    run!(
        b,
        "ALTER TABLE {name} ALTER COLUMN {key} SET STATISTICS 33, ALTER COLUMN {text} SET (n_distinct = -0.5)"
    );
    run!(
        b,
        "ALTER TABLE {name} SET (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_enabled = false)"
    );
    let index = b.name("index");
    run!(b, "CREATE UNIQUE INDEX {index} ON {name} ({key} DESC) WITH (fillfactor = 50)");
    let schema = &table.schema;
    match b.random.below(4) {
        0 => run!(b, "ALTER TABLE {name} REPLICA IDENTITY FULL"),
        1 => run!(b, "ALTER TABLE {name} REPLICA IDENTITY NOTHING"),
        2 => run!(b, "ALTER TABLE {name} CLUSTER ON {index}"),
        _ => run!(b, "ALTER INDEX {schema}.{index} RESET (fillfactor)"),
    }
    if b.random.one_in(2) {
        run!(
            b,
            "CREATE STATISTICS {schema}.{} (ndistinct, mcv) ON {key}, {text} FROM {name}",
            b_name(b)
        );
    }
    let unlogged = b.qualified("unlogged");
    run!(b, "CREATE UNLOGGED TABLE {unlogged} (id int PRIMARY KEY, s serial)");
    run!(b, "INSERT INTO {unlogged} SELECT g FROM generate_series(1, 10) g");
}

fn b_name(b: &mut Builder) -> String {
    b.name("stats")
}

pub fn indexes(b: &mut Builder) {
    let table = b.new_table("");
    let (name, key, text) = (table.name.clone(), table.key.clone(), table.text.clone());
    for form in [
        format!("({text} text_pattern_ops)"),
        format!("USING hash ({text})"),
        format!("USING brin ({key})"),
        format!("(lower({text}), ({key} + 1))"),
        format!("({key}) WHERE {text} LIKE 't1%'"),
        format!("USING gin (to_tsvector('english', {text}))"),
        format!("({key}) INCLUDE ({text})"),
        format!("({text} COLLATE \"C\" NULLS FIRST)"),
        format!("USING spgist ({text})"),
    ] {
        if b.random.one_in(3) {
            let index = b.name("index");
            run!(b, "CREATE INDEX {index} ON {name} {form}");
            if form.contains("+ 1") {
                run!(b, "ALTER INDEX {}.{index} ALTER COLUMN 2 SET STATISTICS 77", table.schema);
            }
        }
    }
}
