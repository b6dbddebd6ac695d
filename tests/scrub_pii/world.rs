//! Builds the world for tests of `scrub-pii`: databases to scrub, and their states before and
//! after.

use crate::command::Run;
use crate::heroku::world::STAGING;
use crate::pull_data::world::{World, sample};
use crate::standins::heroku::Options;
use crate::support::postgres::Cluster;
use crate::support::wait;

/// The local database is the sample site, as production has it.
pub fn local_site() -> World {
    local_copy_of(&sample().database)
}

/// The local database is a copy of this one.
pub fn local_copy_of(source: &str) -> World {
    let world = World::empty(Options::default());
    let create = format!("CREATE DATABASE {} TEMPLATE {source}", world.target);
    world.cluster.psql("postgres", &create);
    world
}

/// The local database comes from this SQL, with this manifest.
pub fn local_with(sql: &str, manifest: &str) -> World {
    let world = World::empty(Options::default());
    world.cluster.psql("postgres", &format!("CREATE DATABASE {} TEMPLATE template0", world.target));
    let script = world.bcops.write("schema.sql", sql);
    world.cluster.run_script(&world.target, &script).expect("the schema");
    set_manifest(&world, manifest);
    world
}

const PEOPLE: &str = "CREATE TABLE person (id serial PRIMARY KEY, name text NOT NULL, note text); \
     INSERT INTO person (name, note) SELECT 'Ann Canary ' || n, 'x' FROM generate_series(1, 50) n; \
     CREATE TABLE letter (id serial PRIMARY KEY, body text); \
     INSERT INTO letter (body) VALUES ('hello')";

pub const PEOPLE_MANIFEST: &str = "[tables.person]\nclass = \"personal\"\npersonal = [\"name\"]\n\
     operational = [\"id\", \"note\"]\n[tables.person.policy.any]\nset = { name = \"User {id}\" }\n\
     [tables.letter]\nclass = \"personal\"\npersonal = [\"body\"]\noperational = [\"id\"]\n\
     [tables.letter.policy.any]\ndelete = true\n";

/// The local database has two small tables of people, for tests that need many runs.
pub fn people() -> World {
    local_with(PEOPLE, PEOPLE_MANIFEST)
}

/// Writes the manifest after its common first line.
pub fn set_manifest(world: &World, text: &str) {
    world.bcops.write("manifest.toml", &format!("schema_version = 1\n{text}"));
    world.bcops.write("bcops.toml", "[scrub]\nmanifest = \"manifest.toml\"\n");
}

/// Makes the world's database staging's, with another owner than this machine's user.
pub fn as_staging(mut world: World) -> World {
    let url = format!("{}?sslmode=disable", world.cluster.url(&world.target));
    world.standin.add_database(STAGING, "DATABASE", &url);
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &world.cluster.url("nobodys"));
    world
}

pub fn scrub(world: &World, arguments: &[&str]) -> Run {
    world.bcops.run(&[&["scrub-pii"], arguments].concat())
}

/// For every table a sum over the rows, their places and their transactions: equal sums mean that
/// no row was written, not even with the same values.
#[track_caller]
pub fn versions(cluster: &Cluster, database: &str) -> Vec<String> {
    let query = cluster.psql(
        database,
        r"SELECT string_agg(format(
                'SELECT %L, count(*), coalesce(sum(hashtextextended(xmin::text || ctid::text || t::text, 0)), 0) FROM ONLY %s t',
                c.oid::regclass, c.oid::regclass), ' UNION ALL ')
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')",
    );
    let mut lines: Vec<String> =
        cluster.psql(database, &query).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The rows of every table, without those that hold the time of the scrub.
#[track_caller]
pub fn rows(cluster: &Cluster, database: &str) -> Vec<String> {
    let mut lines = crate::pull_data::world::digest(cluster, database);
    lines.retain(|line| !line.starts_with("birdbath_execution|"));
    lines
}

/// The schema as `pg_dump` writes it.
#[track_caller]
pub fn schema(cluster: &Cluster, database: &str) -> String {
    let text = cluster.run_tool("pg_dump", &["--schema-only", "-d", database]);
    // Newer versions begin and end with a random word.
    let lines = text.lines().filter(|line| !line.starts_with("\\restrict"));
    lines.filter(|line| !line.starts_with("\\unrestrict")).collect::<Vec<_>>().join("\n")
}

/// The part of a JSON document about one table.
#[track_caller]
pub fn of_table(document: &serde_json::Value, table: &str) -> serde_json::Value {
    let tables = document["result"]["tables"].as_array().expect("tables");
    let found = tables.iter().find(|one| one["table"] == table);
    found.unwrap_or_else(|| panic!("nothing is said of {table}: {document}")).clone()
}

/// Another session that holds a lock until it is released.
pub struct Holder {
    child: std::process::Child,
    cluster: &'static Cluster,
    name: String,
}

impl Holder {
    /// Runs SQL in a transaction that then stays open.
    #[track_caller]
    pub fn hold(world: &World, sql: &str) -> Holder {
        let name = format!("holder of {}", world.target);
        let script = format!(
            "BEGIN; {sql}; SAVEPOINT before; SELECT pg_sleep(120); ROLLBACK TO before; COMMIT"
        );
        let mut psql = world.cluster.tool("psql");
        psql.env("PGAPPNAME", &name).args(["-qAtX", "-d", &world.target]);
        // Each statement of a file is sent alone, so that the sleeping one is visible.
        let file = world.bcops.write("hold.sql", &script);
        psql.arg("-f").arg(file);
        psql.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let child = psql.spawn().expect("psql");
        let holder = Holder { child, cluster: world.cluster, name };
        let sleeps = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}' \
             AND query ~ '^SELECT pg_sleep'",
            holder.name
        );
        wait::until("the other session is ready", || {
            world.cluster.psql("postgres", &sleeps) == "1"
        });
        holder
    }

    /// Ends its sleep, so that it commits.
    pub fn commit(self) {
        let wake = format!(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = '{}'",
            self.name
        );
        self.cluster.psql("postgres", &wake);
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{}'",
            self.name
        );
        let _ = self.cluster.try_psql("postgres", &end);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until the world's database has no sessions.
#[track_caller]
pub fn wait_until_alone(world: &World) {
    let others =
        format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'", world.target);
    wait::until("every session has ended", || world.cluster.psql("postgres", &others) == "0");
}
