//! Tests two operators: the lock on the origin stops the second one, on this machine and on
//! another, until the run is over or its lock is removed by name. Also tests the remains on the
//! operator's machine.

use serde_json::Value;

use crate::command::Bcops;
use crate::reset_staging::calm::{calm, reset_by, seen};
use crate::reset_staging::world::World;
use crate::standins::heroku::{CapturePlan, Fault, Rule};
use crate::whole_site::STAGING;

/// A run that was killed after it took its lock and changed staging.
fn killed(world: &World) -> String {
    let mut running = world.start(&reset_by("stream"));
    world.wait_for_entry(&mut running, &["\"step_finished\"", "\"push\""]);
    running.kill();
    world.run_on_disk().expect("a run")
}

fn runs_of(operator: &Bcops) -> Vec<Value> {
    let listed = operator.run(&["runs", "list", "--json"]).exits(0).json();
    listed["result"]["runs"].as_array().expect("runs").clone()
}

/// Who, where, which run, and the hints. `unlock` is the last hint, and only if the journal is
/// elsewhere.
fn refuses(operator: &Bcops, run: &str, words: &[&str]) {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let refused = operator.run(&reset_by("stream"));
    refused.fails(7, &[&["Op Erator", host.trim(), run], words].concat());
}

/// The output about a stopped run, on the machine with its journal and on another one.
fn refuses_for_both(world: &World, other: &Bcops, run: &str) {
    let (resume, back) = (format!("bcops runs resume {run}"), format!("bcops runs rollback {run}"));
    let unlock = format!("bcops runs unlock {run}");
    refuses(&world.bcops, run, &["stopped after", &resume, &back]);
    refuses(other, run, &["stopped after", &format!("resume run {run} on"), &back, &unlock]);
    let here = world.bcops(&reset_by("stream"));
    assert!(!here.printed().contains("unlock"), "{}", here.printed());
}

fn unlock(run: &str) -> [&str; 6] {
    ["runs", "unlock", run, "--confirm", run, "--force"]
}

#[test]
fn a_second_operator_on_another_machine_is_stopped() {
    let world = World::new();
    let slow = CapturePlan { running: std::time::Duration::from_secs(6), ..CapturePlan::default() };
    world.whole.heroku.plan_captures(slow);
    let mut running = world.start(&reset_by("stream"));
    world.wait_for_entry(&mut running, &["\"external\"", "\"backup\""]);
    let run = world.run_on_disk().expect("a run");
    let other = world.another_operator();
    refuses(&other, &run, &["is at work"]);
    // A refused run leaves no journal.
    assert_eq!(runs_of(&other), Vec::<Value>::new());
    // A run of another machine is unknown here, and nothing is done to it while it is active.
    other.run(&["runs", "resume", &run]).fails(2, &["there is no run", "is at work"]);
    other.run(&["runs", "rollback", &run, "--confirm", STAGING]).fails(7, &["is at work"]);
    other.run(&["runs", "unlock", &run]).fails(5, &["still runs", "no terminal"]);
    let refused = other.run(&["runs", "unlock", &run, "--confirm", &run]);
    refused.fails(4, &["still runs", "--force"]);
    other.run(&["runs", "unlock", &run[..run.len() - 1]]).fails(2, &["whole name"]);
    let ended = running.finish().exits(0);
    assert_eq!(seen(&world), calm("stream").state, "{}", ended.printed());
    assert_eq!(world.litter(), Vec::<String>::new());
}

#[test]
fn a_run_that_stopped_keeps_its_lock_until_it_is_over() {
    let world = World::new();
    let before = world.staging();
    let run = killed(&world);
    let other = world.another_operator();
    refuses_for_both(&world, &other, &run);
    assert_eq!(runs_of(&world.bcops).len(), 1, "what was refused is no run");
    // Neither another name nor the beginning of the right name removes it.
    for wrong in ["r20260101-000000-0000", &run[..run.len() - 1], "staging"] {
        let refused = other.run(&["runs", "unlock", wrong]);
        assert!(matches!(refused.code, Some(2 | 7)), "{}", refused.printed());
    }
    refuses_for_both(&world, &other, &run);
    world.bcops(&["runs", "rollback", &run, "--confirm", STAGING]).exits(0);
    assert_eq!(world.staging().branch, before.branch);
    assert_eq!(world.litter(), Vec::<String>::new());
    other.run(&reset_by("stream")).exits(0);
}

#[test]
fn a_removed_lock_lets_another_run_in_and_stops_the_first() {
    let world = World::new();
    let run = killed(&world);
    let other = world.another_operator();
    other.run(&["runs", "unlock", &run]).fails(5, &["is gone", "last seen"]);
    other.run(&["runs", "unlock", &run, "--confirm", &run]).fails(4, &["--force"]);
    let broken = other.run(&unlock(&run)).exits(0);
    assert!(broken.stdout.contains("Op Erator"), "{}", broken.printed());
    other.run(&unlock(&run)).fails(2, &[&run]);
    other.run(&reset_by("stream")).exits(0);
    let reset = world.staging();
    // The first run's knowledge is outdated, so it does nothing more.
    let resumed = world.bcops(&["runs", "resume", &run]);
    assert!(!matches!(resumed.code, Some(0 | 130)), "{}", resumed.printed());
    let now = world.staging();
    assert_eq!((&now.branch, &now.rows, &now.sites), (&reset.branch, &reset.rows, &reset.sites));
    assert_eq!((now.maintenance, &now.formation), (reset.maintenance, &reset.formation));
    world.assert_production_untouched();
}

/// Staging was in use while the run was stopped. People's changes are in the newest backup, which a
/// rollback restores.
#[test]
fn a_resumed_run_backs_staging_up_again_before_it_fills_it() {
    let world = World::new();
    let run = killed(&world);
    let taken = || {
        let lines = world.journal();
        lines.into_iter().filter(|line| line.contains("\"key\":\"staging_backup\"")).count()
    };
    assert_eq!(taken(), 1);
    world.age_journal(std::time::Duration::from_secs(3600));
    let titles = "SELECT count(*) FROM wagtailcore_page WHERE title = 'Work in between'";
    world.whole.databases.staging(
        "UPDATE wagtailcore_page SET title = 'Work in between' \
         WHERE id = (SELECT max(id) FROM wagtailcore_page)",
    );
    let resumed = world.bcops(&["runs", "resume", &run]).exits(0);
    resumed.says(&["captures a new one"]);
    assert_eq!(taken(), 2);
    assert_eq!(world.whole.databases.staging(titles), "0");
    world.bcops(&["runs", "rollback", &run, "--confirm", STAGING]).exits(0);
    assert_eq!(world.whole.databases.staging(titles), "1");
}

/// Another machine has rolled the run back, and staging was used later. The first machine's journal
/// does not know that.
#[test]
fn a_journal_whose_run_was_ended_elsewhere_overwrites_nothing() {
    let world = World::new();
    let mut running = world.start(&reset_by("stream"));
    world.wait_for_entry(&mut running, &["\"step_started\"", "\"load\""]);
    running.kill();
    let run = world.run_on_disk().expect("a run");
    let other = world.another_operator();
    other.run(&["runs", "rollback", &run, "--confirm", STAGING]).exits(0);
    let state = world.staging();
    let words = ["its lock is gone", "nothing was changed", "bcops reset-staging"];
    world.bcops(&["runs", "rollback", &run, "--confirm", STAGING]).fails(4, &words);
    world.bcops(&["runs", "resume", &run]).fails(4, &["nothing was changed"]);
    assert_eq!(world.staging(), state);
    // A forced run first makes a new backup.
    let insists = ["runs", "rollback", &run, "--dry-run", "--past-later-runs", "--json"];
    let looked = world.bcops(&insists).exits(0).json();
    assert_eq!(looked["result"]["backs_up_the_present"], true, "{looked:#}");
}

/// A kill between the lock and the first line of the journal must be recoverable.
#[test]
fn a_run_that_was_killed_while_it_took_the_lock_can_be_resumed_or_unlocked() {
    for resumes in [true, false] {
        let world = World::new();
        let mut running = world.start(&reset_by("stream"));
        world.wait_for_line(&mut running, 1);
        running.kill();
        let run = world.run_on_disk().expect("a run");
        if resumes {
            world.bcops(&["runs", "resume", &run]).exits(0);
        } else {
            // The lock may or may not have been taken.
            let unlocked = world.bcops(&unlock(&run));
            assert!(matches!(unlocked.code, Some(0 | 2)), "{}", unlocked.printed());
            world.bcops(&reset_by("stream")).exits(0);
        }
        assert_eq!(seen(&world), calm("stream").state);
    }
}

/// A run that has lost its lock stops at the next safe point.
#[test]
fn a_live_run_of_this_machine_is_not_unlocked() {
    let world = World::new();
    world.whole.heroku.misbehave(Rule::once("/formation", Fault::Hang).on("PATCH"));
    let mut running = world.start(&reset_by("stream"));
    world.wait_for_entry(&mut running, &["\"step_started\"", "\"dynos\""]);
    let run = world.run_on_disk().expect("a run");
    world.bcops(&["runs", "resume", &run]).fails(7, &[&run, "another process"]);
    let refused = world.bcops(&["runs", "unlock", &run, "--confirm", &run]);
    refused.fails(4, &[&run, "still runs"]);
    world.bcops(&["runs", "rollback", &run, "--confirm", STAGING]).fails(7, &[&run]);
    assert_eq!(runs_of(&world.bcops)[0]["state"], "running");
    running.kill();
    assert_eq!(runs_of(&world.bcops)[0]["state"], "stopped");
    world.bcops(&unlock(&run)).exits(0);
    world.bcops(&["runs", "resume", &run]).exits(0);
    assert_eq!(world.litter(), Vec::<String>::new());
}
