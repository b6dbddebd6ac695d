//! `reset-staging` from beginning to end: both ways of restoring, what is left afterwards, the way
//! back.

use crate::command::Run;
use crate::reset_staging::world::{StagingState, Trouble, World};
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

/// Jobs that must not be done twice.
fn assert_done_once(world: &World, way: &str) {
    let state = world.staging();
    let pushes = state.builds.len();
    assert!(pushes <= 2, "built {pushes} times: {:?}", state.builds);
    assert_eq!(state.backups.len(), 2, "{:?}", state.backups);
    let restores = if way == "heroku" { 1 } else { 0 };
    assert_eq!(state.restores.len(), restores, "{:?}", state.restores);
}

/// What an uninterrupted run leaves.
fn calm(way: &str) -> StagingState {
    let world = World::new();
    let visitors = world.send_visitors();
    reset(&world, &["--restore-via", way]).exits(0);
    assert!(visitors.exposed().is_empty(), "an unverified database was reachable");
    world.assert_production_untouched();
    let state = world.staging();
    assert!(state.is_deployed && !state.maintenance);
    assert_eq!(state.branch, state.app_branch);
    assert_eq!(state.scrub_marks, 1);
    assert!(state.sites.len() >= 4, "{:?}", state.sites);
    assert!(state.sites.iter().all(|site| site.contains("|staging-")), "{:?}", state.sites);
    assert!(state.users.iter().any(|user| user.starts_with("trainee|")));
    assert_done_once(&world, way);
    state
}

#[test]
fn both_ways_of_restoring_end_in_the_same_place() {
    let streamed = calm("stream").without_history();
    assert_eq!(streamed, calm("heroku").without_history());

    // A network that closes the rendezvous's port is no obstacle: commands are followed by the log.
    let world = World::new();
    world.make(Trouble::Rendezvous(Rendezvous::Refused));
    let run = reset(&world, &[]).exits(0);
    assert!(run.stderr.contains("what it says comes through the log"), "{}", run.stderr);
    assert_eq!(world.staging().without_history(), streamed);
    assert_done_once(&world, "stream");
}

#[test]
fn what_was_done_is_put_back() {
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

#[test]
fn a_site_that_answers_with_an_error_goes_back_into_quarantine() {
    let world = World::new();
    world.make(Trouble::HostBroken);
    reset(&world, &[]).fails(8, &["staging is back in quarantine", "runs resume"]);
    let state = world.staging();
    assert!(state.maintenance);
    assert!(state.formation.iter().all(|(_, quantity, _)| *quantity == 0));
    world.whole.site.mend_hosts();
    world.bcops(&["runs", "resume", &the_run(&world)]).exits(0);
    assert!(!world.staging().maintenance);
}
