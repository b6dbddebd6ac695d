//! Runs the page's jobs where a runner is unkind: cancelled, killed, on another branch, in an old folder.

use std::fs;

use super::page::job;
use super::runner::{Runner, copy, journal};
use super::{push_to_master, remove, world};
use crate::command::Bcops;
use crate::reset_staging::world::World;
use crate::whole_site::{STAGING, history};

/// A line of the journal that stands between `maintenance` and `open`.
const CLOSED: [&str; 2] = ["\"step_started\"", "\"load\""];

/// A person's machine with the job's artifact as its state folder.
fn with_artifact(world: &World, artifacts: &std::path::Path) -> Bcops {
    let bcops = world.another_operator();
    copy(&artifacts.join(".bcops/."), &bcops.state_directory());
    bcops
}

fn run_of(artifacts: &std::path::Path) -> String {
    let mut runs = fs::read_dir(artifacts.join(".bcops/runs")).expect("runs").flatten();
    runs.next().expect("a run").file_name().into_string().expect("a name")
}

/// GitLab sends SIGTERM to the job's processes first.
#[test]
fn a_cancelled_job_stops_at_a_safe_point_and_continues_elsewhere() {
    let world = world();
    let runner = Runner::new(&world);
    let (nightly, night) =
        (job("nightly-staging"), Runner::pipeline("schedule", "master", "nightly-staging"));
    runner.get_sources("master");
    let mut running = runner.start(&nightly, &night);
    running.wait_for_entry(&CLOSED);
    running.signal("-TERM");
    running.wait_for_entry(&["\"interrupted\""]);
    let ended = runner.finish(&nightly, &night, running);
    assert_ne!(ended.code, Some(0), "{}", ended.log);
    let state = world.staging();
    assert!(state.maintenance, "staging is closed");
    let report = ended.artifact("report.md");
    assert!(report.contains("stopped") && report.contains("bcops runs resume"), "{report}");

    // The next night waits for a person, and the reason is in its document.
    let next = runner.run(&nightly, &night);
    let document = next.exits(7).json("reset.json");
    assert_eq!(document["error"]["retry"], "look-first", "{document:#}");
    let message = document["error"]["hints"].to_string();
    assert!(message.contains("resume") && message.contains("rollback"), "{document:#}");

    let run = run_of(&ended.artifacts);
    let person = with_artifact(&world, &ended.artifacts);
    person.run(&["runs", "resume", &run]).exits(0);
    let state = world.staging();
    assert!(state.is_deployed && !state.maintenance);
    world.assert_production_untouched();
}

/// The second signal leaves no time for a safe point.
#[test]
fn a_killed_job_is_rolled_back_from_its_artifact() {
    let world = world();
    let before = world.staging();
    let runner = Runner::new(&world);
    let (nightly, night) =
        (job("nightly-staging"), Runner::pipeline("schedule", "master", "nightly-staging"));
    runner.get_sources("master");
    let mut running = runner.start(&nightly, &night);
    running.wait_for_entry(&CLOSED);
    running.signal("-TERM");
    running.signal("-KILL");
    let ended = runner.finish(&nightly, &night, running);
    assert_eq!(ended.code, None);
    assert!(journal(&ended.project).is_some());
    let run = run_of(&ended.artifacts);
    let person = with_artifact(&world, &ended.artifacts);
    let listed = person.run(&["runs", "list"]).exits(0);
    assert!(listed.stdout.contains(&run), "{}", listed.printed());
    person.run(&["runs", "rollback", &run, "--confirm", STAGING]).exits(0);
    let after = world.staging();
    assert_eq!((after.branch, after.maintenance), (before.branch, before.maintenance));
    world.assert_production_untouched();
}

/// A web pipeline can run on any branch, and `GIT_STRATEGY: fetch` keeps the folder: with locks of a killed
/// git, old refs, the last job's settings, and a history that ended at other commits.
#[test]
fn an_old_folder_and_another_branch_give_the_same_plan_as_a_new_clone() {
    let world = world();
    remove(&world, history::CLASH);
    let origin = world.whole.code.origin();
    world.whole.code.git(&origin, &["branch", "ops/try-a-plan", "master"]);
    let plan = |runner: &Runner<'_>, branch: &str| {
        let ended = runner.run(&job("plan-reset"), &Runner::pipeline("web", branch, "reset"));
        let text = ended.exits(0).artifact("plan.json");
        let plan: serde_json::Value = serde_json::from_str(&text).expect("a plan");
        assert!(plan["digest"].is_string(), "{plan:#}");
        plan["digest"].clone()
    };
    let old = Runner::new(&world);
    plan(&old, "ops/try-a-plan");
    push_to_master(&world, 30);
    let folder = old.clone_folder();
    for name in [".git/index.lock", ".git/shallow.lock", "left.txt"] {
        fs::write(folder.join(name), "of an earlier job").expect("written");
    }
    let expected = plan(&Runner::new(&world), "master");
    assert_eq!(plan(&old, "master"), expected);
    assert_eq!(plan(&old, "ops/try-a-plan"), expected);
    assert!(!folder.join("left.txt").exists());
}
