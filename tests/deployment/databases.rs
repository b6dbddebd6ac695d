//! Tests Postgres through a pooler, a forwarded port, another login, a renamed app, a fork and a
//! follower.

use std::fs;
use std::process::{Child, Stdio};

use super::world::{CONTENT_PREP, PRODUCTION, STAGING, World, by_port, url};
use crate::standins::heroku::{Fault, Rule};
use crate::support::forward::Forward;
use crate::support::postgres::Cluster;
use crate::support::wait;

/// A real PgBouncer in front of the shared server. `None` if it is not installed.
pub struct Pooler {
    child: Child,
    pub port: u16,
}

impl Pooler {
    /// `names` are names of databases at the pooler, with those of the server.
    pub fn start(cluster: &Cluster, mode: &str, names: &[(&str, &str)]) -> Option<Pooler> {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer"]
            .into_iter()
            .find(|path| fs::exists(path).unwrap_or(false));
        let Some(program) = program else {
            eprintln!("skipped: PgBouncer is not installed");
            return None;
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let folder = cluster.socket_dir();
        let databases: String = names
            .iter()
            .map(|(name, behind)| {
                format!(
                    "{name} = host=127.0.0.1 port={} dbname={behind} user=postgres\n",
                    cluster.port()
                )
            })
            .collect();
        let users = folder.join(format!("pgbouncer-{port}.users"));
        fs::write(&users, "\"postgres\" \"\"\n").expect("written");
        let path = folder.join(format!("pgbouncer-{port}.ini"));
        let text = format!(
            "[databases]\n{databases}[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             auth_type = any\nauth_file = {}\npool_mode = {mode}\nunix_socket_dir =\n\
             ignore_startup_parameters = extra_float_digits\n",
            users.display()
        );
        fs::write(&path, text).expect("written");
        let mut command = cluster.beside(program).expect("an account");
        let child = command.arg("-q").arg(&path).stdin(Stdio::null()).stderr(Stdio::null());
        let child = child.stdout(Stdio::null()).spawn().expect("PgBouncer");
        let answers = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        wait::until("PgBouncer answers", answers);
        Some(Pooler { child, port })
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn productions_database_is_recognized_by_every_way_to_it() {
    let world = World::new();
    let (port, name) = (world.cluster.port(), world.production.as_str());
    world.cluster.psql("postgres", "CREATE ROLE other_login_1 SUPERUSER LOGIN");
    let forward = Forward::to(port);
    let plain = url(world.cluster, name);
    let mut ways = vec![
        by_port(forward.port, name),
        by_port(forward.port, name).replace("postgres@", "other_login_1@"),
        plain.replace("postgres@", "other_login_1@"),
        plain.replace("127.0.0.1", "0.0.0.0"),
        plain.replace("127.0.0.1", "127.1"),
        plain.replace("127.0.0.1", "localhost"),
        by_port(forward.port, name).replace("127.0.0.1", "[::ffff:127.0.0.1]"),
        by_port(forward.port, name).replace("127.0.0.1", "0.0.0.0"),
        plain.replace(name, &name.replace('l', "%6C")),
        format!(
            "postgresql+psycopg2://{}",
            by_port(forward.port, name).split_once("://").unwrap().1
        ),
        world.cluster.socket_url(name),
        format!(
            "postgres:///{name}?host={}&port={port}&user=postgres",
            world.cluster.socket_dir().display()
        ),
    ];
    let names = [(name, name), ("renamed", name)];
    let poolers: Vec<Pooler> = ["session", "transaction"]
        .iter()
        .filter_map(|mode| Pooler::start(world.cluster, mode, &names))
        .collect();
    for pooler in &poolers {
        ways.extend([by_port(pooler.port, name), by_port(pooler.port, "renamed")]);
    }
    for way in &ways {
        world.set(STAGING, "DATABASE_URL", way);
        let run = world.scrub();
        assert!(matches!(run.code, Some(3 | 4)), "{way}: {}", run.printed());
        assert_eq!(world.people_left(world.cluster, name), 50, "{way}: {}", run.printed());
    }
    // The same with any value of production's variable.
    world.set(STAGING, "DATABASE_URL", &by_port(forward.port, name));
    for way in &ways {
        world.set(PRODUCTION, "DATABASE_URL", way);
        world.assert_refused(&[]);
    }
}

#[test]
fn staging_is_recognized_as_another_database_of_the_same_server() {
    let world = World::new();
    world.scrub().exits(0);
    assert_eq!(world.people_left(world.cluster, &world.staging), 0);
    assert_eq!(world.people_left(world.cluster, &world.production), 50);
}

#[test]
fn a_pooler_in_front_of_staging_is_allowed() {
    let world = World::new();
    let names = [(world.staging.as_str(), world.staging.as_str())];
    let Some(pooler) = Pooler::start(world.cluster, "session", &names) else { return };
    world.set(STAGING, "DATABASE_URL", &by_port(pooler.port, &world.staging));
    world.scrub().exits(0);
    assert_eq!(world.people_left(world.cluster, &world.staging), 0);
}

#[test]
fn a_fork_of_production_is_another_database_and_a_follower_is_not() {
    let world = World::new();
    let fork = world.cluster.copied(false).expect("a fork");
    let id = "SELECT system_identifier FROM pg_control_system()";
    assert_eq!(fork.psql("postgres", id), world.cluster.psql("postgres", id));
    world.set(STAGING, "DATABASE_URL", &by_port(fork.port(), &world.production));
    world.scrub().exits(0);
    assert_eq!(world.people_left(&fork, &world.production), 0);
    assert_eq!(world.people_left(world.cluster, &world.production), 50);

    // Production is known only by its follower, which does not show the primary's locks.
    let follower = world.cluster.copied(true).expect("a follower");
    assert_eq!(follower.psql("postgres", "SELECT pg_is_in_recovery()"), "t");
    world.set(PRODUCTION, "DATABASE_URL", &by_port(follower.port(), &world.production));
    let forward = Forward::to(world.cluster.port());
    world.set(STAGING, "DATABASE_URL", &by_port(forward.port, &world.production));
    world.assert_refused(&["which is protected"]);
    // A server of another line is a different server.
    let other = Cluster::start(&crate::support::postgres::Options::for_tests()).expect("a server");
    let staging = super::world::people(&other, "test");
    world.set(STAGING, "DATABASE_URL", &by_port(other.port(), &staging));
    world.scrub().exits(0);
    assert_eq!(world.people_left(&other, &staging), 0);
}

#[test]
fn an_unreachable_production_is_a_refusal_unless_heroku_names_the_owner() {
    let world = World::new();
    let staging = url(world.cluster, &world.staging);
    // Production's app has another name today.
    let rule = |path: &str| Rule::always(path, Fault::NotFound);
    world.heroku.misbehave(rule(&format!("/apps/{PRODUCTION}")));
    world.heroku.misbehave(rule(&format!("/apps/{PRODUCTION}/config-vars")));
    world.assert_refused(&["could not be compared with production", "may have another name"]);
    assert_eq!(world.people_left(world.cluster, &world.staging), 50);
    // Staging's own add-on.
    let addon = world.heroku.add_database(STAGING, "DATABASE", &staging);
    world.scrub().exits(0);
    assert_eq!(world.people_left(world.cluster, &world.staging), 0);
    // The same add-on, attached to a protected app.
    world.heroku.behave();
    world.heroku.attach(&addon, CONTENT_PREP, "SHARED", None);
    world.heroku.misbehave(rule(&format!("/apps/{CONTENT_PREP}/config-vars")));
    world.assert_refused(&["attached to buckinghamshire-content-prep"]);
}

#[test]
fn a_url_that_differs_from_the_add_ons_is_not_trusted() {
    let world = World::new();
    let staging = url(world.cluster, &world.staging);
    world.heroku.add_database(STAGING, "DATABASE", &staging);
    let production = url(world.cluster, &world.production);
    let forward = Forward::to(world.cluster.port());
    // The add-on is staging's, and the config var leads to production.
    world.set(STAGING, "DATABASE_URL", &by_port(forward.port, &world.production));
    world.assert_refused(&["belongs to production"]);
    // Production cannot be asked, and the URL is not the add-on's.
    world.set(PRODUCTION, "DATABASE_URL", "postgres://u:db-password@127.0.0.1:1/x");
    world.assert_refused(&["could not be compared", "no Heroku Postgres add-on with this URL"]);
    // A pooler's address is recognized as the add-on's own.
    let by_forward = by_port(forward.port, &world.staging);
    world.set(STAGING, "DATABASE_URL", &by_forward);
    world.scrub().exits(0);
    world.set(PRODUCTION, "DATABASE_URL", &production);
}

#[test]
fn any_variable_of_staging_that_opens_production_is_refused() {
    let world = World::new();
    let forward = Forward::to(world.cluster.port());
    let production = by_port(forward.port, &world.production);
    let (_, rest) = production.split_once("://").expect("a URL");
    let conninfo = format!(
        "host=127.0.0.1 port={} dbname={} user=postgres sslmode=disable",
        forward.port, world.production
    );
    for value in [
        production.clone(),
        format!("PostgreSQL://{rest}"),
        format!("jdbc:postgresql://{}&user=postgres", rest.replace("postgres@", "")),
        conninfo,
    ] {
        world.set(STAGING, "REPORTING", &value);
        world.assert_refused(&["REPORTING", "production", "accept = [\"REPORTING\"]"]);
        let run = world.bcops.run(&["purge-cache", "staging", "--backend", "--dry-run"]);
        run.fails(4, &["REPORTING"]);
    }
    // Trusted configuration may accept a variable that nothing reads, and the output says so.
    let accept = "[environments.staging]\naccept = [\"REPORTING\"]\n";
    let home = world.bcops.directory().join("home/.config/bcops");
    fs::create_dir_all(&home).expect("a folder");
    fs::write(home.join("config.toml"), accept).expect("written");
    world.scrub().exits(0).says(&["REPORTING of buckinghamshire-staging leads to"]);
    // A variable that the site reads is never accepted.
    let accept = "[environments.staging]\naccept = [\"REPORTING\", \"DATABASE_URL\"]\n";
    fs::write(home.join("config.toml"), accept).expect("written");
    world.set(STAGING, "DATABASE_URL", &production);
    world.assert_refused(&["belongs to production"]);
}

#[test]
fn parameters_that_change_the_database_are_refused() {
    let world = World::new();
    let staging = url(world.cluster, &world.staging);
    for parameter in ["hostaddr=127.0.0.1", "service=live", "options=-crole%3Dx", "passfile=/x"] {
        world.set(STAGING, "DATABASE_URL", &format!("{staging}&{parameter}"));
        let run = world.scrub();
        assert!(matches!(run.code, Some(3 | 4)), "{parameter}: {}", run.printed());
    }
    assert_eq!(world.people_left(world.cluster, &world.staging), 50);
}

#[test]
fn a_dyno_reads_stagings_own_variables() {
    let world = World::new();
    let forward = Forward::to(world.cluster.port());
    world.set(STAGING, "DATABASE_URL", &by_port(forward.port, &world.production));
    for command in [
        &["run", "staging", "--", "true"][..],
        &["search", "reindex", "staging", "--confirm", STAGING],
        &["purge-cache", "staging", "--backend"],
    ] {
        world.bcops.run(command).fails(4, &["database", "production"]);
    }
    // The dyno does not know this machine's override.
    let mut world = world;
    world.bcops.set("BCOPS_STAGING_DATABASE_URL", &url(world.cluster, &world.staging));
    world.bcops.run(&["run", "staging", "--", "true"]).fails(4, &["database", "production"]);
    assert!(world.heroku.requests().iter().all(|one| !one.path.ends_with("/dynos")));
}
