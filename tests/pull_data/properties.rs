//! Tests that `bcops pull-data` keeps the local database's own properties when it replaces the
//! rows.

use crate::command::Run;
use crate::pull_data::world::World;
use crate::support::postgres::Cluster;

/// Roles of one world on the shared server, dropped with it.
struct Roles {
    cluster: &'static Cluster,
    target: String,
    names: Vec<String>,
}

impl Roles {
    fn new(world: &World) -> Roles {
        Roles { cluster: world.cluster, target: world.target.clone(), names: Vec::new() }
    }

    /// Creates a role whose name needs quotes, and returns the name.
    fn add(&mut self, name: &str, options: &str) -> String {
        let name = format!("{name} of {}", self.target);
        self.cluster.psql("postgres", &format!("CREATE ROLE \"{name}\" {options}"));
        self.names.push(name.clone());
        name
    }
}

impl Drop for Roles {
    fn drop(&mut self) {
        for name in [self.target.clone(), format!("{}_previous", self.target)] {
            for sql in ["ALTER DATABASE NAME IS_TEMPLATE false", "DROP DATABASE NAME WITH (FORCE)"]
            {
                let _ = self.cluster.try_psql("postgres", &sql.replace("NAME", &name));
            }
        }
        for name in &self.names {
            for what in ["OWNED BY", "ROLE"] {
                let _ = self.cluster.try_psql("postgres", &format!("DROP {what} \"{name}\""));
            }
        }
    }
}

/// All catalog properties of a database, without the marks of pulls.
fn properties(world: &World, database: &str) -> String {
    world.cluster.psql(
        "postgres",
        &format!(
            "SELECT pg_get_userbyid(datdba), datconnlimit, datistemplate, datallowconn, datcollate, \
                    datctype, (SELECT spcname FROM pg_tablespace t WHERE t.oid = dattablespace), \
                    shobj_description(d.oid, 'pg_database'), \
                    (SELECT array_agg(a ORDER BY a::text) FROM unnest(datacl) a), \
                    (SELECT string_agg(setrole::regrole || ' ' || setting, ';' ORDER BY setrole, setting) \
                       FROM pg_db_role_setting s, unnest(setconfig) setting \
                      WHERE setdatabase = d.oid AND setting !~ '^bcops') \
             FROM pg_database d WHERE datname = '{database}'"
        ),
    )
}

fn url(world: &World, role: &str) -> String {
    let role = role.replace(' ', "%20");
    world.cluster.url(&world.target).replacen("postgres@", &format!("{role}@"), 1)
}

/// A target with every property that a database can have.
fn dressed(world: &World, owner: &str, reader: &str) {
    let target = &world.target;
    for sql in [
        format!(
            "CREATE DATABASE {target} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        ),
        format!("ALTER DATABASE {target} OWNER TO \"{owner}\""),
        format!(
            "ALTER DATABASE {target} SET search_path TO \"$user\", \"odd, \"\"schema\", public"
        ),
        format!("ALTER DATABASE {target} SET statement_timeout TO '1ms'"),
        format!("ALTER DATABASE {target} SET default_transaction_read_only TO on"),
        format!("ALTER DATABASE {target} SET \"app.key\" TO 'it''s a \\ secret, \"really\"'"),
        format!("ALTER DATABASE {target} SET DateStyle TO 'SQL, DMY'"),
        format!("ALTER ROLE \"{reader}\" IN DATABASE {target} SET search_path TO ''"),
        format!("ALTER ROLE \"{reader}\" IN DATABASE {target} SET work_mem TO '7MB'"),
        format!("ALTER DATABASE {target} SET bcops.mark TO 'of an earlier pull'"),
        format!("ALTER DATABASE {target} CONNECTION LIMIT 17"),
        format!("COMMENT ON DATABASE {target} IS 'Ann''s \\ own'"),
        format!("REVOKE ALL ON DATABASE {target} FROM PUBLIC"),
        format!("GRANT CONNECT ON DATABASE {target} TO \"{reader}\" WITH GRANT OPTION"),
        format!("SET ROLE \"{reader}\"; GRANT CONNECT ON DATABASE {target} TO PUBLIC"),
    ] {
        world.cluster.psql("postgres", &sql);
    }
}

#[track_caller]
fn loses_nothing(run: &Run) {
    let printed = run.printed();
    assert!(!printed.contains("lost its") && !printed.contains("cannot drop"), "{printed}");
}

#[test]
fn a_superusers_pull_keeps_all_properties_and_undo_restores_the_old_ones() {
    let world = World::small();
    let mut roles = Roles::new(&world);
    let (owner, reader) = (roles.add("Owner", ""), roles.add("reader", ""));
    dressed(&world, &owner, &reader);
    let before = properties(&world, &world.target);
    assert!(before.contains("Ann's \\ own") && before.contains("work_mem=7MB"), "{before}");
    let run = world.pull(&["--yes", "--json"]).exits(0).json();
    assert_eq!(run["warnings"].as_array().map(Vec::len), Some(0), "{run}");
    assert_eq!(properties(&world, &world.target), before);
    assert_eq!(properties(&world, &world.previous()), before);
    // A mark belongs to one database, so the new one has another.
    let marks = "SELECT count(DISTINCT setting) FROM pg_db_role_setting, unnest(setconfig) setting \
                 JOIN pg_database d ON starts_with(d.datname, 'TARGET') \
                 WHERE setdatabase = d.oid AND setting ~ '^bcops'";
    let marks = marks.replace("TARGET", &world.target);
    assert_eq!(world.cluster.psql("postgres", &marks), "2");

    // Changes to the new database stay with it.
    let target = &world.target;
    world.cluster.psql("postgres", &format!("ALTER DATABASE {target} CONNECTION LIMIT 3"));
    world.bcops.run(&["pull-data", "--undo", "--yes"]).exits(0);
    assert_eq!(properties(&world, target), before);
    let changed = properties(&world, &world.previous());
    assert_eq!(changed, before.replace("|17|", "|3|"));

    // Neither a closed database nor a template stops the next pulls.
    let closed = format!("ALTER DATABASE {target} ALLOW_CONNECTIONS false; ");
    world.cluster.psql("postgres", &closed);
    world.cluster.psql("postgres", &format!("ALTER DATABASE {target} IS_TEMPLATE true"));
    let before = properties(&world, target);
    for more in [&["--yes"][..], &["--yes", "--no-keep-previous"], &["--yes"]] {
        loses_nothing(&world.pull(more).exits(0));
        assert_eq!(properties(&world, target), before);
    }
}

#[test]
fn a_role_with_fewer_rights_keeps_what_it_can_and_learns_the_rest() {
    let mut world = World::small();
    let mut roles = Roles::new(&world);
    let owner = roles.add("Owner", "");
    let reader = roles.add("reader", "");
    let member = roles.add("member", &format!("LOGIN CREATEDB IN ROLE \"{owner}\""));
    dressed(&world, &owner, &reader);
    let target = world.target.clone();
    let target = target.as_str();
    let superusers = format!("ALTER DATABASE {target} SET log_min_duration_statement TO 5");
    world.cluster.psql("postgres", &superusers);
    let secret =
        format!("ALTER ROLE \"{reader}\" IN DATABASE {target} SET \"app.token\" TO 'hunter2'");
    world.cluster.psql("postgres", &secret);
    let before = properties(&world, target);
    let url = url(&world, &member);
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &url);
    let run = world.pull(&["--yes", "--json"]).exits(0).json();
    let warnings = run["warnings"].to_string();
    for words in [
        "log_min_duration_statement",
        "permission denied",
        "to set it by hand: ALTER ROLE",
        "work_mem",
        "app.token",
        "whose value is not printed",
    ] {
        assert!(warnings.contains(words), "{words}: {warnings}");
    }
    for secret in ["hunter2", "really", "bcops_incoming"] {
        assert!(!warnings.contains(secret), "{secret}: {warnings}");
    }
    let owned = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = ";
    assert_eq!(world.cluster.psql("postgres", &format!("{owned}'{target}'")), owner);
    // Run by hand, the statements restore the rest.
    for warning in run["warnings"].as_array().into_iter().flatten() {
        let warning = warning.as_str().unwrap_or_default();
        if warning.contains("cannot mark the new database") {
            continue;
        }
        let (_, statement) = warning.split_once("by hand: ").unwrap_or_else(|| panic!("{warning}"));
        let value =
            if statement.contains("token") { "hunter2" } else { "it''s a \\ secret, \"really\"" };
        let statement = statement.replace("'...'", &format!("'{value}'"));
        world.cluster.psql("postgres", &statement);
    }
    assert_eq!(properties(&world, target), before);

    // A role that can only become the owner cannot rename, and learns that before the download.
    world.cluster.psql("postgres", &format!("ALTER ROLE \"{member}\" NOINHERIT"));
    let asked = world.standin.requests().len();
    world.pull(&["--yes"]).fails(3, &["does not own it"]);
    let fetched = world.standin.requests();
    assert!(!fetched.iter().skip(asked).any(|one| one.path.contains("/store/")));
}

#[test]
fn a_mark_of_personal_data_neither_spreads_nor_hides_the_comment() {
    let world = World::small().with_target();
    let comment = |name: &str| {
        let sql = format!(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{name}'"
        );
        world.cluster.psql("postgres", &sql)
    };
    let set = format!("COMMENT ON DATABASE {} IS 'for the demo'", world.target);
    world.cluster.psql("postgres", &set);
    world.pull(&["--yes", "--no-scrub", "--i-need-personal-data", "a test"]).exits(0);
    let marked = comment(&world.target);
    assert!(marked.starts_with("bcops: holds personal data") && marked.ends_with("\nfor the demo"));
    world.bcops.run(&["scrub-pii", "--yes"]).exits(0);
    assert_eq!(comment(&world.target), "for the demo");

    world.pull(&["--yes", "--no-scrub", "--i-need-personal-data", "a test"]).exits(0);
    world.pull(&["--yes"]).exits(0).says(&["holds personal data"]);
    assert_eq!(comment(&world.target), "for the demo");
    assert_eq!(comment(&world.previous()), marked);
    world.bcops.run(&["pull-data", "--drop-previous", "--yes"]).exits(0);
}

#[test]
fn a_name_may_hold_any_characters() {
    let world = World::small();
    let name = format!("Ünï \"x\"; -- {}", world.target);
    let quoted = format!("\"{}\"", name.replace('"', "\"\""));
    world.cluster.psql("postgres", &format!("CREATE DATABASE {quoted}"));
    world.cluster.psql("postgres", &format!("ALTER DATABASE {quoted} SET work_mem TO '9MB'"));
    loses_nothing(&world.pull(&["--yes", "--target", &name]).exits(0));
    let kept = "SELECT datname, setting FROM pg_db_role_setting s JOIN pg_database d \
                ON d.oid = s.setdatabase, unnest(setconfig) setting WHERE setting = 'work_mem=9MB' \
                AND strpos(datname, 'TARGET') > 0 ORDER BY 1";
    let kept = world.cluster.psql("postgres", &kept.replace("TARGET", &world.target));
    assert_eq!(kept, format!("{name}|work_mem=9MB\n{name}_previous|work_mem=9MB"));
    for name in [&name, &format!("{name}_previous")] {
        let drop = format!("DROP DATABASE \"{}\"", name.replace('"', "\"\""));
        world.cluster.psql("postgres", &drop);
    }
}
