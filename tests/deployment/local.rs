//! Tests the local database: if no environment can be asked, it must prove that it belongs to this
//! machine.

use std::fs;

use super::world::{PRODUCTION, World, by_port, people, url};
use crate::support::forward::Forward;
use crate::support::postgres::Cluster;

/// A role that may only own its database, as on Heroku.
fn bound_role(cluster: &Cluster, database: &str) -> String {
    let role = format!("owner_of_{database}");
    cluster.psql("postgres", &format!("CREATE ROLE {role} LOGIN"));
    cluster.psql("postgres", &format!("ALTER DATABASE {database} OWNER TO {role}"));
    cluster.psql(database, &format!("ALTER TABLE person OWNER TO {role}"));
    role
}

#[test]
fn a_forwarded_port_to_productions_database_is_recognized() {
    let mut world = World::new();
    let forward = Forward::to(world.cluster.port());
    for url in [
        by_port(forward.port, &world.production),
        by_port(forward.port, &world.production).replace("127.0.0.1", "localhost"),
        world.cluster.socket_url(&world.production),
    ] {
        world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &url);
        world.bcops.run(&["scrub-pii", "--yes"]).fails(4, &["is the database of production"]);
    }
    assert_eq!(world.people_left(world.cluster, &world.production), 50);
}

#[test]
fn without_heroku_the_role_or_a_mark_must_prove_the_owner() {
    let mut world = World::new();
    world.bcops.unset("HEROKU_API_KEY");
    let mine = people(world.cluster, "mine");
    let role = bound_role(world.cluster, &mine);
    let forward = Forward::to(world.cluster.port());
    let tcp = url(world.cluster, &mine);
    let ways = [tcp.clone(), by_port(forward.port, &mine), world.cluster.socket_url(&mine)];
    // Like Heroku's roles, this role may not create databases, so it may be production's through a
    // tunnel.
    for way in &ways {
        let as_role = way.replace("postgres@", &format!("{role}@"));
        world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &as_role);
        let run = world.bcops.run(&["scrub-pii", "--yes"]);
        run.fails(4, &["may be an environment's database", "CREATEDB"]);
    }
    assert_eq!(world.people_left(world.cluster, &mine), 50);
    // A role that may create databases is this machine's own.
    for way in &ways {
        world.bcops.set("BCOPS_LOCAL_DATABASE_URL", way);
        world.bcops.run(&["scrub-pii", "--yes"]).exits(0);
    }
    assert_eq!(world.people_left(world.cluster, &mine), 0);
}

#[test]
fn a_file_is_loaded_without_network_and_login_on_every_way_to_the_server() {
    let mut world = World::new();
    for variable in ["HEROKU_HOST", "HEROKU_DATA_HOST"] {
        world.bcops.set(variable, "http://127.0.0.1:1");
    }
    world.bcops.unset("HEROKU_API_KEY");
    let file = world.bcops.directory().join("live.dump");
    let mut dump = world.cluster.tool("pg_dump");
    dump.args(["-Fc", "-d", &world.production, "-f"]).arg(&file);
    assert!(dump.status().expect("pg_dump").success());
    let forward = Forward::to(world.cluster.port());
    let target = format!("{}_pulled", world.staging);
    let tcp = url(world.cluster, &target);
    let load = ["pull-data", "--file", file.to_str().expect("a path"), "--yes"];
    for way in [tcp.clone(), by_port(forward.port, &target), world.cluster.socket_url(&target)] {
        world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &way);
        world.bcops.run(&load).exits(0);
        assert_eq!(world.people_left(world.cluster, &target), 0);
    }
    world.bcops.run(&["pull-data", "--undo", "--yes"]).exits(0);

    // The mark of the pull is recognized from now on, even with a role that may not create
    // databases.
    let role = bound_role(world.cluster, &target);
    let bound = tcp.replace("postgres@", &format!("{role}@"));
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &bound);
    world.bcops.run(&["scrub-pii", "--yes"]).exits(0);
    let marks = world.bcops.state_directory().join("database-marks");
    fs::remove_file(marks).expect("the marks");
    world.bcops.run(&["scrub-pii", "--yes"]).fails(4, &["may be an environment's database"]);
}

#[test]
fn an_environment_that_cannot_be_asked_needs_the_same_proof() {
    let mut world = World::new();
    let mine = people(world.cluster, "mine");
    let role = bound_role(world.cluster, &mine);
    let bound = url(world.cluster, &mine).replace("postgres@", &format!("{role}@"));
    world.set(PRODUCTION, "DATABASE_URL", "postgres://u:db-password@127.0.0.1:1/x");
    world.bcops.set("BCOPS_LOCAL_DATABASE_URL", &bound);
    world.bcops.run(&["scrub-pii", "--yes"]).fails(4, &["could not be compared with DATABASE_URL"]);
    world.set(PRODUCTION, "DATABASE_URL", &url(world.cluster, &world.production));
    world.bcops.run(&["scrub-pii", "--yes"]).exits(0);
}
