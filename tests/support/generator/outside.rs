//! Adds objects beyond a schema: extensions, foreign data, event triggers, the search path.

use super::builder::Builder;

pub fn extensions(b: &mut Builder) {
    let home = b.name("extensions");
    run!(b, "CREATE SCHEMA {home}");
    let table = b.new_table("");
    let (name, text) = (&table.name, &table.text);
    for extension in [
        "citext",
        "hstore",
        "pg_trgm",
        "unaccent",
        "ltree",
        "btree_gist",
        "fuzzystrmatch",
        "tablefunc",
    ] {
        if b.random.one_in(2) || !b.extensions.contains(extension) {
            continue;
        }
        let schema = if b.random.one_in(2) { home.clone() } else { b.schema() };
        run!(b, "CREATE EXTENSION \"{extension}\" SCHEMA {schema}");
        let (holder, index) = (b.qualified("extended"), b.name("index"));
        match extension {
            "citext" => {
                run!(b, "CREATE TABLE {holder} (c {schema}.citext PRIMARY KEY)");
                run!(b, "INSERT INTO {holder} VALUES ('A'), ('b')");
            }
            "hstore" => {
                run!(b, "CREATE TABLE {holder} (h {schema}.hstore)");
                run!(b, "INSERT INTO {holder} VALUES ('a=>1, \"b c\"=>NULL')");
                run!(b, "CREATE INDEX {index} ON {holder} USING gin (h)");
            }
            "ltree" => {
                run!(b, "CREATE TABLE {holder} (l {schema}.ltree)");
                run!(b, "INSERT INTO {holder} VALUES ('top.middle.end')");
                run!(b, "CREATE INDEX {index} ON {holder} USING gist (l)");
            }
            "pg_trgm" => {
                run!(b, "CREATE INDEX {index} ON {name} USING gin ({text} {schema}.gin_trgm_ops)")
            }
            "btree_gist" => {
                run!(
                    b,
                    "CREATE TABLE {holder} (n int, during int4range, EXCLUDE USING gist (n WITH =, during WITH &&))"
                );
            }
            "unaccent" => {
                let function = b.qualified("plain");
                run!(
                    b,
                    "CREATE FUNCTION {function}(text) RETURNS text IMMUTABLE LANGUAGE sql AS $f$ SELECT {schema}.unaccent('{}.unaccent', $1) $f$",
                    schema.replace('\'', "''")
                );
                run!(b, "CREATE INDEX {index} ON {name} ({function}({text}))");
            }
            _ => {}
        }
        if b.random.one_in(3) {
            run!(b, "COMMENT ON EXTENSION \"{extension}\" IS 'ours'");
        }
    }
}

/// Objects on foreign tables are skipped with them.
pub fn foreign_data(b: &mut Builder) {
    let (server, wrapper) = (b.name("server"), b.name("wrapper"));
    let extension = b.random.one_in(2);
    if extension && b.extensions.contains("postgres_fdw") {
        b.run("CREATE EXTENSION IF NOT EXISTS postgres_fdw");
        run!(
            b,
            "CREATE SERVER {server} FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1')"
        );
    } else {
        run!(b, "CREATE FOREIGN DATA WRAPPER {wrapper} OPTIONS (a 'b')");
        run!(b, "CREATE SERVER {server} FOREIGN DATA WRAPPER {wrapper}");
    }
    run!(b, "CREATE USER MAPPING FOR PUBLIC SERVER {server}");
    let foreign = b.qualified("foreign");
    let constraint = b.name("check");
    run!(
        b,
        "CREATE FOREIGN TABLE {foreign} (id int CONSTRAINT {constraint} CHECK (id > 0), t text DEFAULT 'f') SERVER {server}"
    );
    run!(b, "COMMENT ON FOREIGN TABLE {foreign} IS 'far away'");
    let (view, above, matview) =
        (b.qualified("view"), b.qualified("above"), b.qualified("matview"));
    run!(b, "CREATE VIEW {view} AS SELECT id, t FROM {foreign}");
    run!(b, "CREATE VIEW {above} AS SELECT * FROM {view}");
    run!(b, "COMMENT ON VIEW {above} IS 'above'");
    run!(b, "CREATE MATERIALIZED VIEW {matview} AS SELECT * FROM {above} WITH NO DATA");
    let index = b.name("index");
    run!(b, "CREATE INDEX {index} ON {matview} (id)");
    let (function, trigger) = (b.qualified("trigger"), b.name("trigger"));
    run!(
        b,
        "CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
    );
    run!(
        b,
        "CREATE TRIGGER {trigger} BEFORE INSERT ON {foreign} FOR EACH ROW EXECUTE FUNCTION {function}()"
    );
    let trigger = b.name("instead");
    run!(
        b,
        "CREATE TRIGGER {trigger} INSTEAD OF INSERT ON {view} FOR EACH ROW EXECUTE FUNCTION {function}()"
    );
    let rule = b.name("rule");
    run!(b, "CREATE RULE {rule} AS ON DELETE TO {above} DO INSTEAD NOTHING");
    let by_row = b.qualified("by_row");
    run!(b, "CREATE FUNCTION {by_row}({foreign}) RETURNS int LANGUAGE sql AS 'SELECT 1'");
    // A partition among others.
    let (parent, near, far) = (b.qualified("parted"), b.qualified("near"), b.qualified("far"));
    run!(b, "CREATE TABLE {parent} (id int) PARTITION BY RANGE (id)");
    run!(b, "CREATE TABLE {near} PARTITION OF {parent} FOR VALUES FROM (0) TO (10)");
    run!(b, "INSERT INTO {parent} VALUES (1), (2)");
    run!(
        b,
        "CREATE FOREIGN TABLE {far} PARTITION OF {parent} FOR VALUES FROM (10) TO (20) SERVER {server}"
    );
    if b.random.one_in(2) {
        let child = b.qualified("child");
        let parent = b.table().name;
        run!(b, "CREATE FOREIGN TABLE {child} () INHERITS ({parent}) SERVER {server}");
    }
    // Rows of a foreign table's type.
    if b.random.one_in(8) {
        let holder = b.qualified("holder");
        run!(b, "CREATE TABLE {holder} (id int, r {foreign})");
        run!(b, "INSERT INTO {holder} VALUES (1, NULL)");
    }
}

pub fn event_triggers_and_publications(b: &mut Builder) {
    let (function, trigger) = (b.qualified("event"), b.name("event"));
    run!(
        b,
        "CREATE FUNCTION {function}() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''%'', tg_tag; END'"
    );
    run!(b, "CREATE EVENT TRIGGER {trigger} ON ddl_command_end EXECUTE FUNCTION {function}()");
    run!(b, "COMMENT ON EVENT TRIGGER {trigger} IS 'c'");
    let (table, publication) = (b.table(), b.name("publication"));
    match b.random.below(3) {
        0 => run!(b, "CREATE PUBLICATION {publication} FOR ALL TABLES"),
        1 => run!(b, "CREATE PUBLICATION {publication} FOR TABLE {}", table.name),
        _ => run!(b, "CREATE PUBLICATION {publication} FOR TABLES IN SCHEMA {}", table.schema),
    }
}

/// Functions that depend on the search path. `pg_restore` has errors with these.
pub fn search_path(b: &mut Builder) {
    let schema = b.name("path");
    run!(b, "CREATE SCHEMA {schema}");
    if b.random.one_in(2) {
        let path = format!("{schema}, public").replace('\'', "''");
        run!(
            b,
            "DO $do$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = ', current_database()) || '{path}'; END $do$"
        );
    }
    run!(b, "SET search_path = {schema}, public");
    b.run("CREATE FUNCTION inner_one(t text) RETURNS text IMMUTABLE LANGUAGE sql AS $f$ SELECT upper(t) $f$");
    b.run("CREATE FUNCTION outer_one(t text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $f$ BEGIN RETURN inner_one(t); END $f$");
    b.run("CREATE TABLE looked_up (id int PRIMARY KEY, t text)");
    b.run("INSERT INTO looked_up SELECT g, 'l' || g FROM generate_series(1, 20) g");
    b.run("CREATE FUNCTION counted() RETURNS bigint STABLE LANGUAGE sql AS $f$ SELECT count(*) FROM looked_up $f$");
    for _ in 0..b.random.between(1, 2) {
        match b.random.below(6) {
            // Servers since 17 refuse these two at once.
            0 => run!(
                b,
                "DO $do$ BEGIN CREATE INDEX {} ON looked_up (outer_one(t)); \
                 EXCEPTION WHEN undefined_function OR undefined_table THEN NULL; END $do$",
                index(b)
            ),
            1 => run!(
                b,
                "DO $do$ BEGIN CREATE MATERIALIZED VIEW {} AS SELECT 1 AS id, counted()::text AS t; \
                 EXCEPTION WHEN undefined_function OR undefined_table THEN NULL; END $do$",
                index(b)
            ),
            2 => run!(
                b,
                "ALTER TABLE looked_up ADD COLUMN {} text GENERATED ALWAYS AS (outer_one(t)) STORED",
                index(b)
            ),
            3 => run!(
                b,
                "ALTER TABLE looked_up ADD CONSTRAINT {} CHECK (outer_one(t) <> 'x')",
                index(b)
            ),
            4 => run!(b, "CREATE VIEW {} AS SELECT counted() AS n", index(b)),
            _ => {
                let other = index(b);
                run!(
                    b,
                    "CREATE FUNCTION {other}(i int) RETURNS boolean STABLE LANGUAGE sql AS $f$ SELECT EXISTS (SELECT FROM looked_up WHERE id = i) $f$"
                );
                // Its name sorts first, so its rows are loaded before the rows it needs.
                run!(b, "CREATE TABLE a_checked (id int CHECK ({other}(id)))");
                b.run("INSERT INTO a_checked VALUES (1), (2)");
                break;
            }
        }
    }
    b.run("RESET search_path");
}

fn index(b: &mut Builder) -> String {
    b.name("path")
}
