//! Adds views, materialized views, rules, triggers, policies and comments.

use super::builder::Builder;

pub fn views(b: &mut Builder) {
    for _ in 0..b.random.between(1, 3) {
        let table = b.table();
        let view = b.qualified("view");
        let options = *b.random.pick(&["", "WITH (security_barrier)", "WITH (security_invoker)"]);
        run!(
            b,
            "CREATE VIEW {view} {options} AS SELECT {} AS id, {} AS t FROM {}",
            table.key,
            table.text,
            table.name
        );
        if b.random.one_in(2) {
            run!(b, "ALTER VIEW {view} ALTER COLUMN t SET DEFAULT 'viewed'");
        }
        b.views.push(view);
    }
    let recursive = b.qualified("recursive");
    run!(
        b,
        "CREATE VIEW {recursive} AS WITH RECURSIVE r(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n AS id, n::text AS t FROM r"
    );
    b.views.push(recursive);
    circle(b);
}

/// A table that became a view: pg_dump makes a view without a query first, and a rule at the end.
fn circle(b: &mut Builder) {
    let table = b.qualified("circular");
    let (view, function) = (b.qualified("circular"), b.qualified("circular"));
    run!(b, "CREATE TABLE {table} (id int PRIMARY KEY, t text)");
    run!(b, "INSERT INTO {table} SELECT g, 'c' || g FROM generate_series(1, 4) g");
    // It groups only by the key, so it needs the key's index.
    run!(b, "CREATE VIEW {view} AS SELECT id, t FROM {table} GROUP BY id");
    run!(b, "CREATE FUNCTION {function}({view}) RETURNS int LANGUAGE sql AS 'SELECT 1'");
    b.views.push(view);
}

/// Over tables, views and each other.
pub fn matviews(b: &mut Builder) {
    if b.views.is_empty() {
        views(b);
    }
    for _ in 0..b.random.between(1, 4) {
        let views = b.views.clone();
        let source = b.random.pick(&views).clone();
        let name = b.qualified("matview");
        let populated = if b.random.one_in(6) { "WITH NO DATA" } else { "" };
        // A view on one without rows cannot be created with rows.
        let populated = if b.unfilled.contains(&source) { "WITH NO DATA" } else { populated };
        if !populated.is_empty() {
            b.unfilled.push(name.clone());
        }
        run!(b, "CREATE MATERIALIZED VIEW {name} AS SELECT id, t FROM {source} {populated}");
        if b.random.one_in(2) {
            let index = b.name("index");
            run!(b, "CREATE INDEX {index} ON {name} (id)");
        }
        if b.random.one_in(3) {
            run!(b, "COMMENT ON MATERIALIZED VIEW {name} IS E'it''s a\\nview\\\\'");
        }
        b.views.push(name);
    }
}

pub fn rules_and_triggers(b: &mut Builder) {
    let (table, log) = (b.table(), b.qualified("log"));
    let function = b.qualified("trigger");
    run!(b, "CREATE TABLE {log} (at text, n bigint)");
    run!(
        b,
        "CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN \
         INSERT INTO {log} VALUES (TG_NAME, 1); RETURN NEW; END $body$"
    );
    let (name, key, text) = (&table.name, &table.key, &table.text);
    let trigger = b.name("trigger");
    run!(
        b,
        "CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE OF {text} ON {name} FOR EACH ROW EXECUTE FUNCTION {function}()"
    );
    let state = *b.random.pick(&["ENABLE", "DISABLE", "ENABLE ALWAYS", "ENABLE REPLICA"]);
    run!(b, "ALTER TABLE {name} {state} TRIGGER {trigger}");
    let trigger = b.name("constraint");
    run!(
        b,
        "CREATE CONSTRAINT TRIGGER {trigger} AFTER INSERT ON {name} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW \
         WHEN (NEW.{key} > 5) EXECUTE FUNCTION {function}('an argument', 'it''s')"
    );
    let trigger = b.name("statement");
    run!(
        b,
        "CREATE TRIGGER {trigger} AFTER INSERT ON {log} REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
    );
    // It would call itself.
    run!(b, "ALTER TABLE {log} DISABLE TRIGGER {trigger}");
    let view = b.qualified("writable");
    run!(b, "CREATE VIEW {view} AS SELECT {key} AS id, {text} AS t FROM {name}");
    let trigger = b.name("instead");
    run!(
        b,
        "CREATE TRIGGER {trigger} INSTEAD OF UPDATE ON {view} FOR EACH ROW EXECUTE FUNCTION {function}()"
    );
    let rule = b.name("rule");
    run!(
        b,
        "CREATE RULE {rule} AS ON INSERT TO {view} DO INSTEAD INSERT INTO {log} VALUES (NEW.t, NEW.id)"
    );
    let rule = b.name("rule");
    run!(b, "CREATE RULE {rule} AS ON DELETE TO {name} WHERE OLD.{key} = 0 DO INSTEAD NOTHING");
    if b.random.one_in(2) {
        run!(b, "ALTER TABLE {name} DISABLE RULE {rule}");
    }
    // A rule that changes insertions, with rows in the table.
    let ruled = b.qualified("ruled");
    run!(b, "CREATE TABLE {ruled} (id int)");
    run!(b, "INSERT INTO {ruled} VALUES (1), (2)");
    let rule = b.name("rule");
    run!(b, "CREATE RULE {rule} AS ON INSERT TO {ruled} DO INSTEAD NOTHING");
}

pub fn policies(b: &mut Builder) {
    let table = b.new_table("");
    let (name, key) = (&table.name, &table.key);
    let policy = b.name("policy");
    run!(b, "ALTER TABLE {name} ENABLE ROW LEVEL SECURITY");
    if b.random.one_in(2) {
        run!(b, "ALTER TABLE {name} FORCE ROW LEVEL SECURITY");
    }
    run!(
        b,
        "CREATE POLICY {policy} ON {name} AS PERMISSIVE FOR SELECT TO PUBLIC USING ({key} > 1)"
    );
    let policy = b.name("policy");
    run!(b, "CREATE POLICY {policy} ON {name} AS RESTRICTIVE USING (false) WITH CHECK ({key} > 0)");
    run!(b, "GRANT SELECT ({key}), UPDATE ({key}) ON {name} TO PUBLIC");
    let grants = b.schema();
    run!(b, "ALTER DEFAULT PRIVILEGES IN SCHEMA {grants} GRANT SELECT ON TABLES TO PUBLIC");
}

pub fn comments(b: &mut Builder) {
    let table = b.new_table("");
    let (name, key) = (&table.name, &table.key);
    let index = b.name("index");
    let constraint = b.name("check");
    run!(b, "CREATE INDEX {index} ON {name} ({key})");
    run!(b, "ALTER TABLE {name} ADD CONSTRAINT {constraint} CHECK ({key} > 0)");
    for on in [
        format!("TABLE {name}"),
        format!("COLUMN {name}.{key}"),
        format!("INDEX {}.{index}", table.schema),
        format!("CONSTRAINT {constraint} ON {name}"),
        format!("SCHEMA {}", table.schema),
    ] {
        let text = *b.random.pick(&[
            "plain",
            "it''s",
            "two\nlines;\n-- and a comment",
            "\\backslash\\.",
            "$$ %s {id}",
            "日本語 \"",
        ]);
        run!(b, "COMMENT ON {on} IS '{text}'");
    }
    b.run("DO $do$ BEGIN EXECUTE format('COMMENT ON DATABASE %I IS ''of the database''', current_database()); END $do$");
}
