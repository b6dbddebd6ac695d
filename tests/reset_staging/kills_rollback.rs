//! Tests a killed run that is rolled back, and a killed rollback that is repeated: branch,
//! database, formation, maintenance and deployed code are restored, and staging stays closed
//! meanwhile.

use std::time::Duration;

use crate::reset_staging::calm::{calm, deployed, differences, reset_by};
use crate::reset_staging::kills::{in_worlds, slow_down, soaks};
use crate::reset_staging::world::{StagingState, World};
use crate::support::wait;
use crate::whole_site::STAGING;

/// What a rollback promises. Media stay, and Heroku's repository keeps the commit that is no longer
/// deployed. The number of jobs is checked separately.
pub fn as_before(world: &World) -> (StagingState, Option<String>) {
    let mut state = world.staging().without_history();
    state.app_branch = state.branch.clone();
    state.is_deployed = true;
    state.objects.clear();
    (state, deployed(world))
}

fn roll_back(run: &str) -> Vec<&str> {
    vec!["runs", "rollback", run, "--confirm", STAGING]
}

/// Rolls the run of this world back, and checks everything.
pub fn check(world: &World, before: &(StagingState, Option<String>)) -> Result<(), String> {
    let run = world.run_on_disk().filter(|_| !world.journal().is_empty());
    // A run that was killed before it had begun has done nothing.
    if let Some(run) = &run {
        let back = world.bcops(&roll_back(run));
        let text = back.printed();
        if back.code != Some(0) && !text.contains("has been rolled back") {
            return Err(text);
        }
    }
    let now = as_before(world);
    if now.1 != before.1 {
        return Err(format!("{:?} is deployed, and it was {:?}", now.1, before.1));
    }
    if now.0 != before.0 {
        return Err(format!("not as before: {}", differences(&now.0, &before.0)));
    }
    let state = world.staging();
    let restores = state.restores.iter().filter(|one| **one == "completed").count();
    // Backups: of long ago, of the run, of the present. Builds: the first, the run, the way back.
    if state.backups.len() > 3 || state.builds.len() > 3 || restores > 2 {
        return Err(format!("{:?} {:?} {:?}", state.backups, state.builds, state.restores));
    }
    let litter = world.litter();
    if run.is_some() && !litter.is_empty() {
        return Err(format!("left behind: {litter:#?}"));
    }
    match world.production_untouched() {
        true => Ok(()),
        false => Err("production was touched".to_owned()),
    }
}

/// A sample of the numbers up to the last one, or all with `BCOPS_SOAK`.
pub fn sample(last: usize, every: usize, offset: usize) -> Vec<usize> {
    if soaks() { (1..=last).collect() } else { (offset..=last).step_by(every).collect() }
}

#[test]
fn a_run_that_is_killed_at_a_transition_is_rolled_back() {
    let mut cases = Vec::new();
    for (way, offset) in [("stream", 30), ("heroku", 13)] {
        cases.extend(sample(calm(way).lines(), 47, offset).into_iter().map(|line| (way, line)));
    }
    in_worlds(&cases, |world, &(way, line)| {
        let before = as_before(world);
        let visitors = world.send_visitors();
        world.kill_at_line(&reset_by(way), line);
        check(world, &before)?;
        match visitors.exposed().len() {
            0 => Ok(()),
            seen => Err(format!("unverified rows were reachable {seen} times")),
        }
    });
}

/// The number of lines is a guess, so a rollback with fewer lines is not killed.
const LINES_OF_A_ROLLBACK: usize = 50;

#[test]
fn a_killed_rollback_is_repeated() {
    let mut cases = Vec::new();
    for (way, offset) in [("stream", 17), ("heroku", 6)] {
        let lines = sample(LINES_OF_A_ROLLBACK, 40, offset);
        cases.extend(lines.into_iter().map(|line| (way, line)));
    }
    in_worlds(&cases, |world, &(way, line)| {
        let before = as_before(world);
        world.bcops(&reset_by(way)).exits(0);
        let (run, seen) = (world.run_on_disk().expect("a run"), world.journal().len());
        let visitors = world.send_visitors();
        world.kill_at_line(&roll_back(&run), seen + line);
        check(world, &before)?;
        let restores = world.staging().restores.len();
        if restores != usize::from(way == "heroku") + 1 {
            return Err(format!("{restores} restores"));
        }
        match visitors.exposed().len() {
            0 => Ok(()),
            seen => Err(format!("unverified rows were reachable {seen} times")),
        }
    });
}

/// A killed run's jobs at Heroku continue, and must not take effect after the rollback.
#[test]
fn continuing_jobs_at_heroku_do_not_undo_the_rollback() {
    let cases: &[(&str, &[&str], u64)] = &[
        ("a push that has begun", &["\"intent\"", "\"deploy\""], 100),
        ("a build", &["\"intent\"", "\"deploy\""], 1000),
        ("a release", &["\"step_started\"", "\"release\""], 0),
        ("a restore", &["\"external\"", "\"restore\""], 300),
        ("a restore that was asked for", &["\"intent\"", "\"restore\""], 0),
        ("a dyno", &["\"step_started\"", "\"migrate\""], 300),
    ];
    in_worlds(cases, |world, &(_, entry, after)| {
        let before = as_before(world);
        slow_down(world);
        let mut running = world.start(&reset_by("heroku"));
        world.wait_for_entry(&mut running, entry);
        // During the job.
        std::thread::sleep(Duration::from_millis(after));
        running.kill();
        check(world, &before)?;
        // Continuing jobs have had time to end.
        std::thread::sleep(Duration::from_secs(4));
        match as_before(world) == before {
            true => Ok(()),
            false => Err("it changed after the rollback".to_owned()),
        }
    });
}

/// A rollback that was killed before its restore must not mistake the run's own restore of
/// production's backup for its own.
#[test]
fn the_restore_of_production_is_not_mistaken_for_the_rollbacks() {
    use crate::standins::heroku::{Fault, Rule};
    in_worlds(&["stopped before the request"], |world, _| {
        let before = as_before(world);
        world.bcops(&reset_by("heroku")).exits(0);
        let run = world.run_on_disk().expect("a run");
        // The request never takes effect.
        world.whole.heroku.misbehave(Rule::once("/restores", Fault::Hang).on("POST"));
        let asked = || crate::heroku::world::count(&world.whole.heroku, "POST", "/restores");
        let of_the_run = asked();
        let mut running = world.start(&roll_back(&run));
        world.wait_for_entry(&mut running, &["\"intent\"", "restore of staging's backup"]);
        wait::until("it is asked for", || asked() > of_the_run);
        running.kill();
        check(world, &before)
    });
}
