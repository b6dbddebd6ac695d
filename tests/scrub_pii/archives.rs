//! Tests `bcops scrub-pii` on fully restored real inputs. The variable `BCOPS_FIXTURES` names their
//! folder; without it these tests are skipped.

use std::time::Instant;

use crate::pull_data::archives::{assert_nothing_of_the_ledger, fixtures};
use crate::pull_data::world::World;
use crate::scrub_pii::world::{rows, schema, scrub, versions};
use crate::standins::heroku::Options;

const STAFF: [&str; 3] = ["users_user", "users_user_groups", "auth_group"];

/// The local database is a whole archive, loaded by `pg_restore`.
fn restored(name: &str) -> Option<World> {
    let archive = fixtures()?.join(name);
    let world = World::empty(Options::default());
    world.cluster.psql("postgres", &format!("CREATE DATABASE {} TEMPLATE template0", world.target));
    world.psql("CREATE SCHEMA heroku_ext");
    world.cluster.pg_restore(&world.target, &archive).expect("pg_restore");
    Some(world)
}

fn digests(world: &World, tables: &[&str]) -> Vec<String> {
    let digest = |table: &&str| {
        world.psql(&format!("SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {table} t"))
    };
    tables.iter().map(digest).collect()
}

/// Scrubs, and checks the rules for every database and policy.
#[track_caller]
fn scrub_and_check(world: &World, policy: &str) {
    let before = schema(world.cluster, &world.target);
    scrub(world, &["--check", "--policy", policy]).exits(9);
    let started = Instant::now();
    scrub(world, &["--yes", "--policy", policy]).exits(0);
    eprintln!("scrubbed by {policy} in {:?}", started.elapsed());
    assert_eq!(schema(world.cluster, &world.target), before);
    assert_eq!(world.psql("SELECT count(*) FROM birdbath_execution"), "1");
    scrub(world, &["--check", "--policy", policy]).exits(0);
    let scrubbed = versions(world.cluster, &world.target);
    scrub(world, &["--yes", "--policy", policy]).exits(0);
    assert_eq!(versions(world.cluster, &world.target), scrubbed);
}

#[test]
fn nothing_of_the_ledger_remains_outside_published_content() {
    let Some(world) = restored("bc-small.dump") else { return };
    scrub_and_check(&world, "local");
    assert_nothing_of_the_ledger(&world);
    let pulled = World::with_backup(&fixtures().expect("real inputs").join("bc-small.dump"));
    pulled.pull(&[]).exits(0);
    assert_eq!(rows(world.cluster, &world.target), rows(world.cluster, &pulled.target));
}

#[test]
fn staging_keeps_its_staff_and_what_editors_promoted() {
    let Some(world) = restored("bc-small.dump") else { return };
    let promoted = "SELECT count(*) FROM wagtailsearchpromotions_searchpromotion";
    let before = (digests(&world, &STAFF), world.psql(promoted));
    scrub_and_check(&world, "staging");
    assert_eq!((digests(&world, &STAFF), world.psql(promoted)), before);
    assert_eq!(world.psql("SELECT count(*) FROM wagtailforms_formsubmission"), "0");
}

#[test]
fn the_whole_site() {
    let Some(world) = restored("bc.dump") else { return };
    let staff = digests(&world, &STAFF);
    scrub_and_check(&world, "staging");
    assert_eq!(digests(&world, &STAFF), staff);
    scrub_and_check(&world, "local");
    assert_ne!(digests(&world, &STAFF), staff);
}
