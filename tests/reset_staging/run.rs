//! Tests `reset-staging` from beginning to end: both ways of restoring, the remains, and the
//! rollback.

use crate::command::Run;
use crate::reset_staging::calm::{calm, differences, seen};
use crate::reset_staging::world::{Trouble, World};
use crate::standins::heroku::Rendezvous;
use crate::whole_site::STAGING;

const AGREED: [&str; 4] = ["reset-staging", "--attest", "agreed", "--confirm"];
const CHOSEN: [&str; 4] =
    ["--branches", "feature/footer,feature/search-page", "--recreate-users", "all"];

pub fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut all = AGREED.to_vec();
    all.push(STAGING);
    all.extend(CHOSEN);
    all.extend(more);
    all
}

fn reset(world: &World, more: &[&str]) -> Run {
    world.bcops(&arguments(more))
}

/// The one run of this world.
fn the_run(world: &World) -> String {
    let listed = world.bcops(&["runs", "list", "--json"]).exits(0).json();
    listed["result"]["runs"][0]["run"].as_str().expect("a run").to_owned()
}

#[test]
fn both_ways_of_restoring_have_the_same_result() {
    let streamed = calm("stream").state.clone().without_history();
    assert_eq!(streamed, calm("heroku").state.clone().without_history());
}

/// If the network blocks the rendezvous's port, commands are followed through the log.
#[test]
fn without_a_rendezvous_the_result_is_the_same() {
    let world = World::new();
    world.make(Trouble::Rendezvous(Rendezvous::Refused));
    let run = world.bcops(&arguments(&[])).exits(0);
    assert!(run.stderr.contains("reads its output from the log"), "{}", run.stderr);
    let (now, wanted) = (seen(&world), &calm("stream").state);
    assert!(now == *wanted, "{}", differences(&now, wanted));
}

#[test]
fn a_rollback_restores_everything() {
    for way in ["stream", "heroku"] {
        let world = World::new();
        let before = world.staging();
        reset(&world, &["--restore-via", way]).exits(0);
        let run = the_run(&world);
        let visitors = world.send_visitors();
        world.bcops(&["runs", "rollback", &run, "--confirm", STAGING]).exits(0);
        assert!(visitors.exposed().is_empty());
        let after = world.staging();
        assert_eq!(after.branch, before.branch);
        assert_eq!(after.rows, before.rows);
        assert_eq!(after.users, before.users);
        assert_eq!(after.sites, before.sites);
        assert_eq!(after.formation, before.formation);
        assert_eq!(after.maintenance, before.maintenance);
        world.assert_production_untouched();
    }
}
