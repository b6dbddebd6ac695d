//! Tests SIGKILL at transitions of the journal and at random moments, then `runs resume`: always
//! the same staging, and no job at Heroku runs twice.
//!
//! An ordinary run takes a sample. `BCOPS_SOAK` tests every transition of both ways, and two
//! hundred moments.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::reset_staging::calm::{calm, differences, reset_by, seen};
use crate::reset_staging::world::World;

/// How many worlds run in parallel.
const WORLDS: usize = 2;

/// Resumes the run of this world until it is done.
fn go_on(world: &World, way: &'static str) -> Result<(), String> {
    let run = match world.run_on_disk() {
        Some(run) if !world.journal().is_empty() => run,
        // It was killed before it had begun, so a new run begins.
        _ => return done(world.bcops(&reset_by(way))),
    };
    done(world.bcops(&["runs", "resume", &run]))
}

fn done(run: crate::command::Run) -> Result<(), String> {
    // A run that ended before the kill reports that it is over.
    let text = run.printed();
    match run.code == Some(0) || text.contains("is already done") {
        true => Ok(()),
        false => Err(text),
    }
}

/// Checks that the result does not show the kill.
pub fn check(world: &World, way: &'static str) -> Result<(), String> {
    go_on(world, way)?;
    let (now, wanted) = (seen(world), &calm(way).state);
    if now != *wanted {
        return Err(format!("not the same: {}", differences(&now, wanted)));
    }
    let litter = world.litter();
    if !litter.is_empty() {
        return Err(format!("left behind: {litter:#?}"));
    }
    match world.production_untouched() {
        true => Ok(()),
        false => Err("production was touched".to_owned()),
    }
}

/// Tries each case in its own world, several at a time, and reports all failures.
pub fn in_worlds<T: Sync + std::fmt::Debug>(
    cases: &[T],
    try_one: impl Fn(&World, &T) -> Result<(), String> + Sync,
) {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        let mut world = World::new();
        loop {
            let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            match try_one(&world, case) {
                Ok(()) => eprintln!("{case:?}: well"),
                Err(text) => {
                    let journal = world.journal().join("\n");
                    eprintln!("{case:?}: {text}\n{journal}\n");
                    failures.lock().expect("no panic").push(format!("{case:?}: {text}"));
                }
            }
            world.reset();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..WORLDS.min(cases.len()) {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().expect("no panic");
    let (bad, all) = (failures.len(), cases.len());
    eprintln!("{all} cases, {bad} failed");
    assert!(failures.is_empty(), "{bad} of {all} failed:\n{}", failures.join("\n\n"));
}

pub fn soaks() -> bool {
    std::env::var_os("BCOPS_SOAK").is_some()
}

fn at_transitions(way: &'static str, every: usize, offset: usize) {
    let last = calm(way).lines();
    let lines: Vec<(&str, usize)> = match soaks() {
        true => (1..=last).map(|line| (way, line)).collect(),
        false => (1 + offset..=last).step_by(every).map(|line| (way, line)).collect(),
    };
    in_worlds(&lines, |world, &(_, line)| {
        world.kill_at_line(&reset_by(way), line);
        check(world, way)
    });
}

#[test]
fn a_streaming_run_that_is_killed_at_a_transition_resumes_to_the_same_end() {
    at_transitions("stream", 29, 4);
}

#[test]
fn a_restoring_run_that_is_killed_at_a_transition_resumes_to_the_same_end() {
    at_transitions("heroku", 29, 14);
}

/// A case that the soak found: a resumed run first closes staging again, so it must open staging
/// again, and no dyno of the killed run may remain.
#[test]
fn a_run_that_is_killed_while_it_opens_opens_again() {
    let entries: &[(&str, &str)] =
        &[("\"step_started\"", "\"makemigrations\""), ("\"step_acted\"", "\"open\"")];
    in_worlds(entries, |world, &(event, step)| {
        let line = calm("stream").line_of(&[event, step]);
        world.kill_at_line(&reset_by("stream"), line);
        check(world, "stream")
    });
}

/// Kills the run, and then each resumption of it a few lines further on.
#[test]
fn a_run_that_is_killed_repeatedly_reaches_the_same_end() {
    let strides: &[(&str, usize)] = if soaks() {
        &[("stream", 2), ("heroku", 2), ("stream", 3), ("heroku", 5)]
    } else {
        &[("heroku", 11)]
    };
    in_worlds(strides, |world, &(way, stride)| {
        let way = if way == "stream" { "stream" } else { "heroku" };
        let last = calm(way).lines();
        world.kill_at_line(&reset_by(way), stride);
        let mut kills = 1;
        while let Some(run) = world.run_on_disk() {
            let seen = world.journal().len();
            if seen + stride >= last || kills > 60 {
                break;
            }
            // One more line than before, for the resumption itself.
            world.kill_at_line(&["runs", "resume", &run], seen + 1 + stride);
            kills += 1;
        }
        check(world, way)
    });
}

/// The moments come from a printed seed, which `BCOPS_SEED` can set.
#[test]
fn a_run_that_is_killed_at_any_moment_resumes_to_the_same_end() {
    let count = if soaks() { 200 } else { 4 };
    let seed = std::env::var("BCOPS_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut chance = Chance(seed.unwrap_or(20_261_123));
    eprintln!("BCOPS_SEED={}", chance.0);
    let moments: Vec<(usize, u64, Option<u64>)> = (0..count)
        .map(|number| {
            let way = if number % 2 == 0 { "stream" } else { "heroku" };
            let length = calm(way).milliseconds;
            // Every third run is killed again while it resumes.
            let again = (number % 3 == 2).then(|| chance.below(length));
            (number, chance.below(length), again)
        })
        .collect();
    in_worlds(&moments, |world, &(number, after, again)| {
        let way = if number % 2 == 0 { "stream" } else { "heroku" };
        kill_after(world, &reset_by(way), after);
        if let (Some(after), Some(run)) = (again, world.run_on_disk()) {
            kill_after(world, &["runs", "resume", &run], after);
        }
        check(world, way)
    });
}

fn kill_after(world: &World, arguments: &[&str], milliseconds: u64) {
    let running = world.start(arguments);
    std::thread::sleep(Duration::from_millis(milliseconds));
    running.kill();
}

/// Knuth's generator. Any generator would work.
pub struct Chance(u64);

impl Chance {
    pub fn of(seed: u64) -> Chance {
        Chance(seed)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }
}

/// Slow jobs at Heroku, so that the kill comes in the middle of each.
#[test]
fn unattended_jobs_at_heroku_are_found_again() {
    let cases: &[(&str, &[&str])] = &[
        ("a backup", &["\"external\"", "\"backup\""]),
        ("a build", &["\"intent\"", "\"deploy\""]),
        ("a restore", &["\"external\"", "\"restore\""]),
        ("a dyno", &["\"step_started\"", "\"migrate\""]),
    ];
    in_worlds(cases, |world, &(_, entry)| {
        slow_down(world);
        let mut running = world.start(&reset_by("heroku"));
        world.wait_for_entry(&mut running, entry);
        // Into the midst of the job.
        std::thread::sleep(Duration::from_millis(400));
        running.kill();
        check(world, "heroku")
    });
}

/// Every job at Heroku takes about two seconds.
pub fn slow_down(world: &World) {
    use crate::standins::heroku::{CapturePlan, Deploy};
    let heroku = &world.whole.heroku;
    let slow = CapturePlan { running: Duration::from_secs(2), ..CapturePlan::default() };
    heroku.plan_captures(slow.clone());
    heroku.plan_restores(slow);
    let deploy = world.whole.deploy();
    heroku.plan_deploys(Deploy { pause: Duration::from_millis(900), ..deploy });
}
