//! Tests what a pull skips, what it cannot build, and what it refuses to lose.

use serde_json::Value;

use super::world::World;
use crate::command::Run;
use crate::standins::heroku::Options;

/// A backup of the database from these statements.
fn backup(world: &World, sql: &str) -> String {
    let source = world.cluster.create_database("skipped");
    world.cluster.psql(&source, sql);
    let path = world.bcops.directory().join(format!("{source}.dump"));
    let mut dump = world.cluster.tool("pg_dump");
    dump.args(["-Fc", "-d", &source, "-f"]).arg(&path);
    assert!(dump.status().expect("pg_dump").success());
    path.to_str().expect("a path").to_owned()
}

fn pull(world: &World, file: &str, more: &[&str]) -> Run {
    let arguments =
        ["pull-data", "--file", file, "--yes", "--no-scrub", "--i-need-personal-data", "a test"];
    world.bcops.run(&[&arguments, more].concat())
}

fn result(world: &World, file: &str, more: &[&str]) -> Value {
    let run = pull(world, file, &[&["--json"], more].concat()).exits(0);
    run.json()["result"].clone()
}

const FOREIGN: &str = "CREATE EXTENSION postgres_fdw; \
    CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw; \
    CREATE FOREIGN TABLE far (id int, email text) SERVER other;";

#[test]
fn objects_on_a_foreign_table_are_skipped_with_a_warning() {
    let world = World::empty(Options::default());
    let file = backup(
        &world,
        &format!(
            "{FOREIGN} CREATE TABLE near (id int PRIMARY KEY); INSERT INTO near VALUES (1); \
             CREATE VIEW one AS SELECT n.id, f.email FROM near n JOIN far f USING (id); \
             CREATE MATERIALIZED VIEW two AS SELECT * FROM one WITH NO DATA; \
             CREATE INDEX ON two (email); COMMENT ON VIEW one IS 'x'; \
             ALTER TABLE far ALTER id SET DEFAULT 3; \
             CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'; \
             CREATE TRIGGER t BEFORE INSERT ON far FOR EACH ROW EXECUTE FUNCTION f(); \
             CREATE TABLE part (id int, at date) PARTITION BY RANGE (at); \
             CREATE TABLE part_near PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); \
             CREATE FOREIGN TABLE part_far PARTITION OF part \
               FOR VALUES FROM ('2020-01-01') TO ('2024-01-01') SERVER other; \
             INSERT INTO part VALUES (1, '2024-05-05');"
        ),
    );
    let result = result(&world, &file, &[]);
    let warnings = result["warnings"].to_string();
    assert!(warnings.contains("MATERIALIZED VIEW public.two, which needs VIEW public.one"));
    assert!(warnings.contains("which needs FOREIGN TABLE public.far"), "{warnings}");
    assert_eq!(world.psql("SELECT count(*) FROM part"), "1");
}

#[test]
fn rows_that_need_a_skipped_object_stop_the_pull_before_it_begins() {
    let world = World::empty(Options::default()).with_target();
    let sql = "CREATE SCHEMA _heroku; CREATE TABLE _heroku.heir AS SELECT 1 AS id";
    let file = backup(&world, sql);
    pull(&world, &file, &[]).fails(4, &["_heroku.heir", "which needs SCHEMA _heroku"]);
    let sql = format!("{FOREIGN} CREATE TABLE heir (more int) INHERITS (far);");
    let file = backup(&world, &format!("{sql} INSERT INTO heir VALUES (1, 'a', 2)"));
    pull(&world, &file, &[]).fails(4, &["public.heir", "which needs FOREIGN TABLE public.far"]);
    world.assert_untouched();
}

/// These fail with the empty search path and with the site's own.
const BROKEN: &str = "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 2); \
    CREATE FUNCTION broken(int) RETURNS int IMMUTABLE LANGUAGE plpgsql \
      AS 'BEGIN IF current_database() ~ ''^pulled'' THEN RETURN missing($1); END IF; RETURN $1; END'; \
    CREATE INDEX t_broken ON t (broken(n)); \
    CREATE MATERIALIZED VIEW m AS SELECT broken(n) AS n FROM t; \
    CREATE MATERIALIZED VIEW mm AS SELECT n FROM m; CREATE INDEX mm_n ON mm (n);";

#[test]
fn a_failed_object_without_rows_is_a_warning_with_its_statement_in_a_file() {
    let world = World::empty(Options::default());
    let file = backup(&world, BROKEN);
    let result = result(&world, &file, &[]);
    let entries = result["not_built"]["entries"].as_array().expect("a list");
    let names: Vec<&str> = entries.iter().filter_map(|one| one["entry"].as_str()).collect();
    assert_eq!(
        names,
        [
            "INDEX public.t_broken",
            "MATERIALIZED VIEW DATA public.m",
            "MATERIALIZED VIEW DATA public.mm"
        ]
    );
    let text = entries[0]["cause"].as_str().expect("a text");
    assert!(text.contains("missing"), "{text}");
    // The statements run once the cause is gone.
    world.psql("CREATE FUNCTION missing(int) RETURNS int LANGUAGE sql AS 'SELECT $1'");
    let script = result["not_built"]["file"].as_str().expect("a file");
    let mut psql = world.cluster.tool("psql");
    psql.args(["-qX", "-v", "ON_ERROR_STOP=1", "-d", &world.target, "-f", script]);
    assert!(psql.status().expect("psql").success());
    assert_eq!(world.psql("SELECT n FROM mm"), "2");
    assert_eq!(world.psql("SELECT count(*) FROM pg_indexes WHERE indexname = 't_broken'"), "1");
}

/// A CHECK that no database of a pull fulfils.
const GUARDED: &str = "CREATE FUNCTION ok(int) RETURNS bool LANGUAGE sql \
        AS 'SELECT current_database() !~ ''^pulled'''; \
        CREATE TABLE t (id int PRIMARY KEY CHECK (ok(id))); INSERT INTO t VALUES (1);";

#[test]
fn a_failed_constraint_is_an_error() {
    let world = World::empty(Options::default()).with_target();
    let file = backup(&world, GUARDED);
    pull(&world, &file, &[]).fails(1, &["CHECK constraint t_id_check of public.t", "hint:"]);
    world.assert_untouched();
}

/// A table whose CHECK reads one that comes later, with a child, a comment and NOT VALID.
#[test]
fn checks_that_call_functions_are_restored() {
    let world = World::empty(Options::default());
    let file = backup(
        &world,
        "CREATE TABLE zz (id int PRIMARY KEY, most int); INSERT INTO zz VALUES (1, 100); \
         CREATE FUNCTION within(n int) RETURNS bool LANGUAGE sql \
           AS 'SELECT EXISTS (SELECT FROM zz WHERE n <= most)'; \
         CREATE TABLE a (id int, n int, CONSTRAINT c CHECK (within(n))); \
         COMMENT ON CONSTRAINT c ON a IS 'it''s'; \
         CREATE TABLE b (CONSTRAINT own CHECK (within(id)) NO INHERIT) INHERITS (a); \
         CREATE TABLE p (id int CHECK (within(id))) PARTITION BY LIST (id); \
         CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); \
         ALTER TABLE zz ADD CONSTRAINT old CHECK (NOT within(most + 1)) NOT VALID; \
         INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (2, 2); INSERT INTO p VALUES (1);",
    );
    result(&world, &file, &[]);
    let found = world.psql(
        "SELECT string_agg(concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid), \
           conislocal, coninhcount, obj_description(oid, 'pg_constraint')), E'\\n' \
           ORDER BY conrelid::regclass::text, conname) FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0",
    );
    assert_eq!(
        found,
        "a c CHECK (within(n)) t 0 it's\n\
         b c CHECK (within(n)) f 1\n\
         b own CHECK (within(id)) NO INHERIT t 0\n\
         p p_id_check CHECK (within(id)) t 0\n\
         p1 p_id_check CHECK (within(id)) f 1\n\
         zz old CHECK ((NOT within((most + 1)))) NOT VALID t 0"
    );
}

#[test]
fn a_materialized_view_can_be_excluded() {
    let world = World::empty(Options::default());
    let file = backup(
        &world,
        "CREATE TABLE t AS SELECT 1 AS id; CREATE MATERIALIZED VIEW m AS SELECT id FROM t;",
    );
    result(&world, &file, &["--exclude-data", "m"]);
    let sql = "SELECT relispopulated FROM pg_class WHERE relname = 'm'";
    assert_eq!(world.psql(sql), "f");
    pull(&world, &file, &["--exclude-data", "n"]).fails(2, &["no such table"]);
}

/// The server's version is near the start of an archive.
#[test]
fn an_error_over_an_archive_of_a_newer_server_begins_with_that() {
    let world = World::empty(Options::default()).with_target();
    let file = backup(&world, GUARDED);
    let mut bytes = std::fs::read(&file).expect("a file");
    let version = world.cluster.psql("postgres", "SHOW server_version");
    let at = bytes
        .windows(version.len())
        .position(|part| part == version.as_bytes())
        .expect("the version of the server");
    bytes[at..at + 2].copy_from_slice(b"99");
    std::fs::write(&file, bytes).expect("a file");
    let wanted =
        ["cannot load the backup of PostgreSQL 99: this server is PostgreSQL", "caused by:"];
    pull(&world, &file, &[]).fails(1, &wanted);
    world.assert_untouched();
}

#[test]
fn remains_of_another_roles_pull_are_named_with_the_way_to_drop_them() {
    let mut world = World::empty(Options::default()).with_target();
    let file = backup(&world, "CREATE TABLE t (id int)");
    let role = format!("role_of_{}", world.target);
    let rest = format!("{}_bcops_incoming", world.target);
    for sql in [
        format!("CREATE ROLE {role} LOGIN CREATEDB"),
        format!("ALTER DATABASE {} OWNER TO {role}", world.target),
        format!("CREATE DATABASE {rest}"),
    ] {
        world.cluster.psql("postgres", &sql);
    }
    let url = world.cluster.url(&world.target).replace("postgres@", &format!("{role}@"));
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &url);
    pull(&world, &file, &[]).fails(3, &[&rest, "DROP DATABASE"]);
    world.cluster.psql("postgres", &format!("DROP DATABASE {rest}"));
    pull(&world, &file, &[]).exits(0);
}
