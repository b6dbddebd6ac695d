//! `reset-staging` from beginning to end: both ways of restoring, what is left afterwards, the way
//! back, and kills at transitions of the journal.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::command::Run;
use crate::reset_world::{StagingState, Trouble, World};
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

fn journal(world: &World) -> Option<PathBuf> {
    let runs = world.bcops.state_directory().join("runs");
    let run = fs::read_dir(runs).ok()?.flatten().next()?.path();
    Some(run.join("journal.jsonl"))
}

fn lines(world: &World) -> usize {
    let text = journal(world).and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    text.lines().count()
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
    let (streamed, restored) = (calm("stream"), calm("heroku"));
    assert_eq!(streamed.without_history(), restored.without_history());
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

/// Kills the run when its journal has so many lines, and goes on until it is done.
fn killed_after(world: &World, way: &str, line: usize) {
    let running = world.start(&arguments(&["--restore-via", way]));
    let began = Instant::now();
    while lines(world) < line && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    running.kill();
    let Some(_) = journal(world).filter(|_| lines(world) > 0) else { return };
    let run = the_run(world);
    // A run that had come to its end before the kill says that it is over.
    let resumed = world.bcops(&["runs", "resume", &run]);
    let text = resumed.printed();
    assert!(
        resumed.code == Some(0) || text.contains("is over"),
        "killed after line {line}: {text}"
    );
}

fn kills(way: &str, lines: impl Iterator<Item = usize>) {
    let wanted = calm(way).without_history();
    let mut world = World::new();
    for line in lines {
        killed_after(&world, way, line);
        if journal(&world).is_none() {
            // It was killed before it had begun, and has done nothing.
            reset(&world, &["--restore-via", way]).exits(0);
        }
        let state = world.staging();
        assert_done_once(&world, way);
        assert_eq!(state.without_history(), wanted, "killed after line {line}");
        world.assert_production_untouched();
        println!("killed after line {line}, and in the same place");
        world.reset();
    }
}

/// Every transition with `BCOPS_SOAK`, which takes a quarter of an hour; a sample without.
fn sample(offset: usize) -> impl Iterator<Item = usize> {
    let step = if std::env::var_os("BCOPS_SOAK").is_some() { 1 } else { 17 };
    (1 + offset % step..100).step_by(step)
}

#[test]
fn a_streaming_run_that_is_killed_goes_on_to_the_same_place() {
    kills("stream", sample(3));
}

#[test]
fn a_restoring_run_that_is_killed_goes_on_to_the_same_place() {
    kills("heroku", sample(9));
}

/// Kills at moments that nobody chose: two in an ordinary run, two hundred with `BCOPS_SOAK`. The
/// moments come from a seed that is printed, and that `BCOPS_SEED` gives again.
#[test]
fn a_run_that_is_killed_at_any_moment_goes_on_to_the_same_place() {
    let count = if std::env::var_os("BCOPS_SOAK").is_some() { 200 } else { 2 };
    let given = std::env::var("BCOPS_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut seed: u64 = given.unwrap_or(20_261_123);
    println!("BCOPS_SEED={seed}");
    let wanted = calm("stream").without_history();
    let mut world = World::new();
    for number in 0..count {
        let running = world.start(&arguments(&[]));
        let began = Instant::now();
        while lines(&world) == 0 && began.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut killed = vec![wait_and_kill(running, &mut seed)];
        let run = the_run(&world);
        // Every third one is killed once more while it goes on.
        if number % 3 == 2 {
            let running = world.start(&["runs", "resume", &run]);
            killed.push(wait_and_kill(running, &mut seed));
        }
        let resumed = world.bcops(&["runs", "resume", &run]);
        let text = resumed.printed();
        let is_done = resumed.code == Some(0) || text.contains("is over");
        assert!(is_done, "killed after {killed:?} ms: {text}");
        assert_done_once(&world, "stream");
        let state = world.staging().without_history();
        assert_eq!(state, wanted, "killed after {killed:?} ms");
        world.assert_production_untouched();
        println!("{number}: killed after {killed:?} ms, and in the same place");
        world.reset();
    }
}

/// Kills it after up to twelve seconds, and tells after how many milliseconds.
fn wait_and_kill(running: crate::command::Running, seed: &mut u64) -> u64 {
    // Knuth's generator: any will do.
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let milliseconds = (*seed >> 33) % 12_000;
    std::thread::sleep(Duration::from_millis(milliseconds));
    running.kill();
    milliseconds
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
