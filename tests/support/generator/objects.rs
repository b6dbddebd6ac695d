//! Adds types, functions, operators, collations, text search and other objects of a schema.

use super::builder::Builder;

pub fn types(b: &mut Builder) {
    let domain = b.qualified("domain");
    let constraint = b.name("check");
    run!(
        b,
        "CREATE DOMAIN {domain} AS text DEFAULT 'd' CONSTRAINT {constraint} CHECK (VALUE <> 'never')"
    );
    b.types.push((domain.clone(), "'d' || g".to_owned()));
    let violated = b.qualified("domain");
    let holder = b.qualified("holder");
    run!(b, "CREATE DOMAIN {violated} AS int");
    run!(b, "CREATE TABLE {holder} (v {violated})");
    run!(b, "INSERT INTO {holder} VALUES (1), (-1)");
    run!(b, "ALTER DOMAIN {violated} ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID");
    if b.random.one_in(3) {
        // Rows that the constraint refuses cannot be restored: pg_restore fails too.
        run!(b, "DELETE FROM {holder} WHERE v = 1");
    } else {
        run!(b, "DELETE FROM {holder} WHERE v < 0");
    }
    let chosen = b.qualified("enum");
    run!(b, "CREATE TYPE {chosen} AS ENUM ('one', 'two words', 'it''s', 'Ünï', '{{a,b}}', '\\')");
    run!(b, "ALTER TYPE {chosen} ADD VALUE 'zero' BEFORE 'one'");
    b.types.push((chosen.clone(), format!("(enum_range(NULL::{chosen}))[1 + g % 6]")));
    b.types.push((format!("{chosen}[]"), format!("(enum_range(NULL::{chosen}))[1:3]")));
    let composite = b.qualified("composite");
    run!(b, "CREATE TYPE {composite} AS (a int, \"B c\" text, d {domain})");
    b.types.push((composite.clone(), format!("ROW(g, 'x,y\"', 'z')::{composite}")));
    b.types.push((format!("{composite}[]"), format!("ARRAY[ROW(g, NULL, 'z')::{composite}]")));
    let range = b.qualified("range");
    let multirange = b.qualified("multirange");
    run!(
        b,
        "CREATE TYPE {range} AS RANGE (subtype = float8, subtype_diff = float8mi, multirange_type_name = {multirange})"
    );
    b.types.push((range.clone(), format!("{range}(g, g + 1)")));
    // A table of a type.
    let typed = b.qualified("typed");
    run!(
        b,
        "CREATE TABLE {typed} OF {composite} (a WITH OPTIONS PRIMARY KEY, \"B c\" DEFAULT 'x')"
    );
    run!(b, "INSERT INTO {typed} SELECT g, 'b' || g, 'd' FROM generate_series(1, 9) g");
    // A column of another table's row type.
    let table = b.table();
    let rows = b.qualified("rows");
    run!(b, "CREATE TABLE {rows} (id int, r {})", table.name);
    run!(b, "INSERT INTO {rows} SELECT 1, t FROM {} t LIMIT 3", table.name);
    let shell = b.qualified("shell");
    run!(b, "CREATE TYPE {shell}");
    run!(b, "COMMENT ON TYPE {composite} IS 'a type'");
    b.new_table("");
}

pub fn functions(b: &mut Builder) {
    let schema = b.schema();
    let (helper, used) = (b.name("helper"), b.name("used"));
    run!(
        b,
        "CREATE FUNCTION {schema}.{helper}(x text, OUT y text) IMMUTABLE LANGUAGE sql AS $f$ SELECT lower(x) $f$"
    );
    // pg_dump cannot know that one calls the other, and may put the table first: then pg_restore
    // fails too.
    let body = match b.random.one_in(6) {
        true => format!("{schema}.{helper}"),
        false => "pg_catalog.lower".to_owned(),
    };
    run!(
        b,
        "CREATE FUNCTION {schema}.{used}(x text DEFAULT 'a''b', VARIADIC more int[] DEFAULT '{{}}') RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $f$ SELECT {body}(x) $f$"
    );
    let table = b.new_table("");
    let (name, key, text) = (&table.name, &table.key, &table.text);
    let index = b.name("index");
    run!(b, "CREATE INDEX {index} ON {name} ({schema}.{used}({text}))");
    let constraint = b.name("check");
    run!(
        b,
        "ALTER TABLE {name} ADD CONSTRAINT {constraint} CHECK ({schema}.{used}({text}) IS NOT NULL OR {key} > 0)"
    );
    let column = b.name("made");
    run!(
        b,
        "ALTER TABLE {name} ADD COLUMN {column} text GENERATED ALWAYS AS ({schema}.{used}({text})) STORED"
    );
    let matview = b.qualified("matview");
    run!(
        b,
        "CREATE MATERIALIZED VIEW {matview} AS SELECT {key} AS id, {schema}.{used}({text}) AS t FROM {name}"
    );
    b.views.push(matview);
    let modern = b.qualified("modern");
    run!(
        b,
        "CREATE FUNCTION {modern}() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM {name}; END"
    );
    let procedure = b.qualified("procedure");
    run!(
        b,
        "CREATE PROCEDURE {procedure}(INOUT a int) LANGUAGE plpgsql AS $f$ BEGIN a := a + 1; COMMIT; END $f$"
    );
    let aggregate = b.qualified("aggregate");
    run!(b, "CREATE AGGREGATE {aggregate} (int) (SFUNC = int4pl, STYPE = int, INITCOND = '0')");
    let set = b.qualified("set");
    run!(
        b,
        "CREATE FUNCTION {set}(n int) RETURNS SETOF {name} ROWS 5 COST 9 SET work_mem = '8MB' LANGUAGE sql AS 'SELECT * FROM {} LIMIT n'",
        name.replace('\'', "''")
    );
    // By a row of the table, which a function of the table's own type needs.
    let computed = b.qualified("computed");
    run!(
        b,
        "CREATE FUNCTION {computed}({name}) RETURNS text STABLE LANGUAGE sql AS $f$ SELECT ($1).{text} $f$"
    );
}

pub fn operators(b: &mut Builder) {
    let schema = b.schema();
    let function = b.name("compare");
    run!(
        b,
        "CREATE FUNCTION {schema}.{function}(int, int) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 < $2'"
    );
    run!(
        b,
        "CREATE OPERATOR {schema}.<<< (LEFTARG = int, RIGHTARG = int, FUNCTION = {schema}.{function})"
    );
    let table = b.table();
    let view = b.qualified("view");
    run!(
        b,
        "CREATE VIEW {view} AS SELECT {} AS id, 'x'::text AS t FROM {} WHERE 1 OPERATOR({schema}.<<<) 2",
        table.key,
        table.name
    );
    b.views.push(view);
    let (family, class) = (b.qualified("family"), b.qualified("class"));
    run!(b, "CREATE OPERATOR FAMILY {family} USING btree");
    run!(
        b,
        "CREATE OPERATOR CLASS {class} FOR TYPE int USING btree FAMILY {family} AS OPERATOR 1 <, OPERATOR 2 <=, \
         OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int4, int4)"
    );
    let holder = b.qualified("classed");
    let index = b.name("index");
    run!(b, "CREATE TABLE {holder} (id int)");
    run!(b, "INSERT INTO {holder} VALUES (2), (1)");
    run!(b, "CREATE INDEX {index} ON {holder} (id {class})");
    let (composite, cast) = (b.qualified("castable"), b.qualified("cast"));
    run!(b, "CREATE TYPE {composite} AS (n int)");
    run!(
        b,
        "CREATE FUNCTION {cast}({composite}) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT ($1).n'"
    );
    run!(b, "CREATE CAST ({composite} AS int) WITH FUNCTION {cast}({composite}) AS ASSIGNMENT");
}

pub fn text_search_and_collations(b: &mut Builder) {
    let (dictionary, configuration) = (b.qualified("dictionary"), b.qualified("configuration"));
    run!(
        b,
        "CREATE TEXT SEARCH DICTIONARY {dictionary} (TEMPLATE = simple, stopwords = 'english')"
    );
    run!(b, "CREATE TEXT SEARCH CONFIGURATION {configuration} (COPY = simple)");
    run!(
        b,
        "ALTER TEXT SEARCH CONFIGURATION {configuration} ALTER MAPPING FOR asciiword WITH {dictionary}"
    );
    let table = b.new_table("");
    let index = b.name("index");
    let quoted = configuration.replace('\'', "''");
    run!(
        b,
        "CREATE INDEX {index} ON {} USING gin (to_tsvector('{quoted}', {}))",
        table.name,
        table.text
    );
    let collation = b.qualified("collation");
    run!(b, "CREATE COLLATION {collation} (provider = libc, locale = 'C')");
    let collation_of_icu = b.qualified("collation");
    // Not every server is built with ICU.
    run!(
        b,
        "DO $do$ BEGIN CREATE COLLATION {collation_of_icu} (provider = icu, locale = 'de', deterministic = false); \
         EXCEPTION WHEN feature_not_supported THEN NULL; END $do$"
    );
    let holder = b.qualified("collated");
    run!(b, "CREATE TABLE {holder} (t text COLLATE {collation} PRIMARY KEY, c text COLLATE \"C\")");
    run!(b, "INSERT INTO {holder} SELECT 'ä' || g, 'c' FROM generate_series(1, 30) g");
    let conversion = b.qualified("conversion");
    run!(b, "CREATE CONVERSION {conversion} FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8");
}

pub fn large_objects(b: &mut Builder) {
    for number in 0..b.random.between(1, 4) {
        let (id, size) = (90_000 + number, *b.random.pick(&[0, 1, 5000, 300_000]));
        run!(b, "SELECT lo_from_bytea({id}, convert_to(repeat('l', {size}), 'UTF8'))");
        if b.random.one_in(2) {
            run!(b, "COMMENT ON LARGE OBJECT {id} IS 'an object''s comment'");
        }
    }
}
