//! Tests that `bcops pull-data` and `pg_restore` load any archive equally.

mod compare;
mod fingerprint;
mod generated;

use std::path::{Path, PathBuf};

use crate::pull_data::archives::fixtures;
use crate::pull_data::world::World;
use crate::standins::heroku::Options;
use crate::support::postgres::Cluster;

use compare::{Outcome, compare, compare_as};
use generated::version;

/// The role that the archives name in a user mapping.
fn make_role(cluster: &Cluster) {
    let known = "SELECT 1 FROM pg_roles WHERE rolname = 'u7gowner'";
    if cluster.psql("postgres", known).is_empty() {
        // Another test may create it at the same time.
        let _ = cluster.try_psql("postgres", "CREATE ROLE u7gowner");
    }
}

#[track_caller]
fn assert_equal(world: &World, archive: &Path) {
    match compare(world, archive) {
        Ok(Outcome::Equal) => {}
        Ok(outcome) => panic!("{}: {outcome:?}", archive.display()),
        Err(difference) => panic!("{}:\n{difference}", archive.display()),
    }
}

#[test]
fn the_regression_database_equals_pg_restores() {
    let Some(fixtures) = fixtures() else { return };
    let world = World::empty(Options::default());
    let archive = fixtures.join("archives/regression_pg15.dump");
    match version(world.cluster) {
        15 => assert_equal(&world, &archive),
        // Other servers lack some features, and both programs report that.
        _ => drop(compare(&world, &archive).unwrap_or_else(|difference| panic!("{difference}"))),
    }
}

/// Archives that hold one of each kind of object, with the first server version that supports all.
const ARCHIVES: [(u32, &str); 11] = [
    (14, "archives/varied_pg14.pipe.dump"),
    (15, "archives/varied_pg15.file.dump"),
    (15, "archives/varied_pg15.pipe_z0.dump"),
    (16, "archives/varied_pg16.pipe.dump"),
    (17, "archives/varied_pg17.pipe.dump"),
    (17, "archives/varied_pg17.pipe_lz4.dump"),
    (17, "archives/varied_pg17.pipe_zstd.dump"),
    (17, "cases/pg17_builtin.dump"),
    (18, "archives/varied_pg18.pipe.dump"),
    (18, "archives/varied_pg18.pipe_statistics.dump"),
    (18, "cases/pg18_nnnv.dump"),
];

#[test]
fn archives_of_every_version_equal_pg_restores() {
    let Some(fixtures) = fixtures() else { return };
    let world = World::empty(Options::default());
    make_role(world.cluster);
    let mut different = Vec::new();
    for (since, name) in ARCHIVES {
        let known = since <= version(world.cluster);
        // The pg_restore of an older server may not even read the file.
        match compare(&world, &fixtures.join(name)) {
            Err(difference) if known => different.push(format!("{name}: {difference}")),
            outcome => eprintln!("{name}: {outcome:?}"),
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

/// Databases from public bug reports, as a superuser and as a role that may create databases.
#[test]
fn reported_databases_load_if_pg_restore_loads_them() {
    let Some(fixtures) = fixtures() else { return };
    let mut world = World::empty(Options::default());
    let cluster = world.cluster;
    let role = "equal_creator";
    let roles = format!("DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN CREATEDB");
    cluster.psql("postgres", &roles);
    let folders = std::fs::read_dir(fixtures.join("cases")).expect("the cases");
    let mut cases: Vec<PathBuf> = folders.flatten().map(|entry| entry.path()).collect();
    cases.sort();
    let mut different = Vec::new();
    // Thousands of tables take minutes.
    let in_a_long_run = std::env::var_os("BCOPS_SOAK").is_some();
    cases.retain(|case| case.is_dir() && (in_a_long_run || !case.ends_with("many_tables")));
    for case in &cases {
        let database = cluster.create_database("case");
        let mut psql = cluster.tool("psql");
        psql.args(["-AtXq", "-v", "ON_ERROR_STOP=1", "-d", &database, "-f"]);
        let made = psql.arg(case.join("setup.sql")).output().expect("psql");
        if !made.status.success() {
            // They are written for 15: other servers lack an extension, or refuse at once.
            let said = String::from_utf8_lossy(&made.stderr);
            assert_ne!(version(cluster), 15, "{}: {said}", case.display());
            continue;
        }
        let archive = world.bcops.directory().join(format!("{database}.dump"));
        dump(cluster, &database, &[], &archive);
        for role in [None, Some(role)] {
            let url = cluster.url(&world.target);
            let url = url.replace("//postgres@", &format!("//{}@", role.unwrap_or("postgres")));
            world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &url);
            if let Err(difference) = compare_as(&world, &archive, role) {
                different.push(format!("{} as {role:?}: {difference}", case.display()));
            }
            for name in world.database_names() {
                cluster.psql("postgres", &format!("DROP DATABASE \"{name}\""));
            }
        }
        cluster.psql("postgres", &format!("DROP DATABASE {database}"));
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

/// `pg_dump -Fc`, through a pipe as Heroku stores it.
fn dump(cluster: &Cluster, database: &str, options: &[&str], archive: &Path) {
    let mut dump = cluster.tool("pg_dump");
    dump.args(["-Fc", "-d", database]).args(options);
    let dumped = dump.output().expect("pg_dump");
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    std::fs::write(archive, dumped.stdout).expect("a file");
}
