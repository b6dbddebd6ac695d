//! Adds partitions by range, list and hash, nested, with keys to and from them.

use super::builder::Builder;

pub fn partitions(b: &mut Builder) {
    let name = b.qualified("parted");
    let (key, text) = (b.name("key"), b.name("text"));
    let method = *b.random.pick(&["RANGE", "LIST", "HASH"]);
    run!(
        b,
        "CREATE TABLE {name} ({key} int NOT NULL, {text} text, made text GENERATED ALWAYS AS ({text} || 'x') STORED) \
         PARTITION BY {method} ({key})"
    );
    if method == "RANGE" && b.random.one_in(2) {
        let index = b.name("index");
        run!(b, "CREATE INDEX {index} ON {name} (lower({text}), {key})");
    }
    for number in 0..3 {
        let bounds = match method {
            "RANGE" => format!("FROM ({}) TO ({})", number * 100, number * 100 + 100),
            "LIST" => {
                let values: Vec<String> =
                    (0..100).map(|v| (number * 100 + v).to_string()).collect();
                format!("IN ({})", values.join(", "))
            }
            _ => format!("WITH (MODULUS 3, REMAINDER {number})"),
        };
        partition(b, &name, &key, &text, &bounds, number);
    }
    if method != "HASH" {
        let default = b.qualified("rest");
        run!(b, "CREATE TABLE {default} PARTITION OF {name} DEFAULT");
    }
    run!(
        b,
        "INSERT INTO {name} ({key}, {text}) SELECT g, 'p' || g FROM generate_series(1, {}) g",
        b.random.pick(&[10, 290])
    );
    if b.random.one_in(2) {
        keys(b, &name, &key, method == "HASH");
    }
    if b.random.one_in(3) {
        let index = b.name("index");
        run!(b, "CREATE INDEX {index} ON ONLY {name} ({key})");
    }
    if b.random.one_in(3) {
        run!(b, "COMMENT ON TABLE {name} IS 'partitioned; with a -- comment'");
    }
}

/// A partition: created directly, created separately and attached, or with its own partitions.
fn partition(b: &mut Builder, parent: &str, key: &str, text: &str, bounds: &str, number: usize) {
    let name = b.qualified("part");
    match (number, b.random.below(3)) {
        (0, 0) => {
            run!(
                b,
                "CREATE TABLE {name} PARTITION OF {parent} FOR VALUES {bounds} PARTITION BY HASH ({text})"
            );
            for remainder in 0..2 {
                let below = b.qualified("below");
                run!(
                    b,
                    "CREATE TABLE {below} PARTITION OF {name} FOR VALUES WITH (MODULUS 2, REMAINDER {remainder})"
                );
            }
        }
        (_, 1) => {
            // Columns in another order, as in a partition that was a separate table before.
            run!(
                b,
                "CREATE TABLE {name} ({text} text, gone int, made text GENERATED ALWAYS AS ({text} || 'x') STORED, {key} int NOT NULL)"
            );
            run!(b, "ALTER TABLE {name} DROP COLUMN gone");
            run!(b, "ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES {bounds}");
        }
        _ => run!(
            b,
            "CREATE TABLE {name} PARTITION OF {parent} ({text} DEFAULT 'own') FOR VALUES {bounds}"
        ),
    }
}

fn keys(b: &mut Builder, name: &str, key: &str, check: bool) {
    let nested = b.name("pk");
    // A sub-partitioned table by another column cannot have this key: tried, not required.
    run!(
        b,
        "DO $do$ BEGIN ALTER TABLE {name} ADD CONSTRAINT {nested} PRIMARY KEY ({key}); \
         EXCEPTION WHEN feature_not_supported THEN NULL; END $do$"
    );
    let (from, constraint) = (b.qualified("refers"), b.name("fk"));
    run!(b, "CREATE TABLE {from} (id int)");
    run!(b, "INSERT INTO {from} VALUES (1), (NULL), (5)");
    run!(
        b,
        "DO $do$ BEGIN ALTER TABLE {from} ADD CONSTRAINT {constraint} FOREIGN KEY (id) REFERENCES {name} ({key}); \
         EXCEPTION WHEN invalid_foreign_key THEN NULL; END $do$"
    );
    let (to, constraint) = (b.qualified("referred"), b.name("fk"));
    run!(b, "CREATE TABLE {to} AS SELECT g AS id FROM generate_series(0, 1000) g");
    run!(b, "ALTER TABLE {to} ADD PRIMARY KEY (id)");
    run!(b, "ALTER TABLE {name} ADD CONSTRAINT {constraint} FOREIGN KEY ({key}) REFERENCES {to}");
    if check {
        let constraint = b.name("check");
        run!(b, "ALTER TABLE {name} ADD CONSTRAINT {constraint} CHECK ({key} >= 0)");
    }
}
