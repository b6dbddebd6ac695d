//! Tests Ctrl-C and SIGTERM during a reset: the first stops it at a safe point and reports what
//! continues by itself, the second ends it now. Both can be resumed.

use std::time::{Duration, Instant};

use crate::command::Run;
use crate::heroku::world::count;
use crate::reset_staging::calm::{calm, differences, reset_by, seen};
use crate::reset_staging::kills::{in_worlds, slow_down, soaks};
use crate::reset_staging::world::World;
use crate::standins::heroku::{Fault, Rule};
use crate::support::wait;

/// How soon a run must stop, even in the middle of a long step.
const STOPS_WITHIN: Duration = Duration::from_secs(20);

fn goes_on(world: &World, way: &'static str) -> Result<(), String> {
    let run = world.run_on_disk().ok_or("no run was begun")?;
    let resumed = world.bcops(&["runs", "resume", &run]);
    if resumed.code != Some(0) {
        return Err(resumed.printed());
    }
    let (now, wanted) = (seen(world), &calm(way).state);
    if now != *wanted {
        return Err(format!("not the same: {}", differences(&now, wanted)));
    }
    match world.litter() {
        litter if litter.is_empty() => Ok(()),
        litter => Err(format!("left behind: {litter:#?}")),
    }
}

fn told(run: &Run, texts: &[&str]) -> Result<(), String> {
    let says = |text: &&&str| !run.stderr.contains(**text);
    if run.code != Some(130) {
        return Err(format!("not interrupted: {}", run.printed()));
    }
    match texts.iter().find(says) {
        Some(text) => Err(format!("`{text}` is not said: {}", run.printed())),
        None => Ok(()),
    }
}

#[test]
fn the_first_signal_stops_at_a_safe_point() {
    let last = calm("stream").lines();
    let every = if soaks() { 1 } else { 27 };
    // At the very end there may be nothing left to stop.
    let lines: Vec<usize> = (if soaks() { 1 } else { 12 }..last - 6).step_by(every).collect();
    in_worlds(&lines, |world, &line| {
        let mut running = world.start(&reset_by("stream"));
        world.wait_for_line(&mut running, line);
        let began = Instant::now();
        running.signal(if line % 2 == 0 { "-INT" } else { "-TERM" });
        let stopped = running.finish();
        told(&stopped, &["interrupted", "stopped at a safe point", "bcops runs resume"])?;
        if began.elapsed() > STOPS_WITHIN {
            return Err(format!("it took {:?} to stop", began.elapsed()));
        }
        if !world
            .refs_of_bcops()
            .iter()
            .any(|line| line.contains(&world.run_on_disk().unwrap_or_default()))
            && line > 60
        {
            return Err("what was merged is not kept for the resumption".to_owned());
        }
        goes_on(world, "stream")
    });
}

#[test]
fn jobs_that_continue_are_reported_and_found_again() {
    let cases: &[(&str, &[&str], &str)] = &[
        ("a backup", &["\"external\"", "\"backup\""], "this continues by itself: a backup b"),
        ("a build", &["\"intent\"", "\"deploy\""], "this continues by itself: the build at Heroku"),
        ("a restore", &["\"external\"", "\"restore\""], "this continues by itself: a restore r"),
    ];
    in_worlds(cases, |world, &(_, entry, said)| {
        slow_down(world);
        let mut running = world.start(&reset_by("heroku"));
        world.wait_for_entry(&mut running, entry);
        // During the job.
        std::thread::sleep(Duration::from_millis(700));
        running.interrupt();
        told(&running.finish(), &[said])?;
        goes_on(world, "heroku")
    });
}

#[test]
fn the_second_signal_ends_it_now() {
    for (first, second) in [("-INT", "-INT"), ("-INT", "-TERM"), ("-TERM", "-TERM")] {
        let mut world = World::new();
        // The run waits for an answer that does not come, so no safe point is near.
        world.whole.heroku.misbehave(Rule::once("/formation", Fault::Hang).on("PATCH"));
        let mut running = world.start(&reset_by("stream"));
        world.wait_for_entry(&mut running, &["\"step_started\"", "\"dynos\""]);
        let asked = || count(&world.whole.heroku, "PATCH", "/formation") > 0;
        wait::until("it waits for the answer", asked);
        running.signal(first);
        // Long enough to end, if it could.
        std::thread::sleep(Duration::from_millis(700));
        assert!(running.is_running(), "the first signal ended it in the middle of a step");
        let began = Instant::now();
        running.signal(second);
        let ended = running.finish().exits(130);
        assert!(began.elapsed() < Duration::from_secs(2), "{}", ended.printed());
        assert!(world.staging().maintenance);
        goes_on(&world, "stream").unwrap_or_else(|text| panic!("{text}"));
        if !soaks() {
            break;
        }
        world.reset();
    }
}
