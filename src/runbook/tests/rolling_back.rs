//! Tests what a rollback puts back, and which standing steps stay in force when a step could not be
//! put back.

use std::sync::Arc;

use super::holder;
use super::steps::{Work, book, toy};
use super::world::{Shared, journal, roll_back, roll_back_after, run};
use crate::events::Event;
use crate::failure::{CommandError, FailureKind};
use crate::runbook::entry::Entry;
use crate::runbook::{EndStatus, History, Report, RunError, Runbook, Standing};

#[test]
fn quarantine_stays_if_a_step_inside_could_not_be_put_back() {
    for (work, fails) in [(Work::Final, None), (Work::Set, Some("i1"))] {
        let shared = Shared::default();
        shared.get().fails_after.insert("open".into(), 1);
        let make = || book(&shared, &[Work::Set], &[work], &[]);
        run(&shared, make()).unwrap_err();
        if let Some(id) = fails {
            shared.get().fails_undo.insert(id.into(), 1);
        }
        let error = roll_back(&shared, make()).unwrap_err();
        let RunError::NotPutBack { left, .. } = &error else { panic!("{error}") };
        assert!(left.contains(&"quarantine".to_owned()), "{left:?}");
        assert!(shared.get().world.is("quarantine", "on"));
        assert!(!shared.get().world.settings.contains_key("i0"), "the others were put back");
        assert!(shared.get().world.lock.is_some());
        assert_eq!(CommandError::from(error).kind, FailureKind::Partial);
        if fails.is_some() {
            assert_eq!(roll_back(&shared, make()).unwrap().status, EndStatus::RolledBack);
            assert!(shared.get().world.settings.is_empty());
            assert!(shared.get().world.lock.is_none());
        }
    }
}

/// The standing steps are put back last, even after a step outside of them.
#[test]
fn quarantine_is_ended_after_everything_else() {
    let shared = Shared::default();
    shared.get().fails_after.insert("open".into(), 1);
    let make = || book(&shared, &[Work::Set, Work::Set], &[Work::With("b1")], &[]);
    run(&shared, make()).unwrap_err();
    assert_eq!(roll_back(&shared, make()).unwrap().status, EndStatus::RolledBack);
    // The simulated world does not know that the setting of `i1` is put back with `b1`.
    let left: Vec<String> = shared.get().world.settings.keys().cloned().collect();
    assert_eq!(left, ["i1"]);
    let journal = journal(&shared);
    let undone = |id: &str| {
        let is_it = |record: &crate::runbook::entry::Record| matches!(&record.entry, Entry::StepUndone { step, .. } if step == id);
        journal.records().iter().position(is_it)
    };
    assert!(undone("b1").is_some() && undone("quarantine") > undone("b1"));
}

#[test]
fn a_run_that_is_rolled_back_cannot_be_resumed() {
    let shared = Shared::default();
    let make = || book(&shared, &[Work::Set, Work::Warn], &[Work::Blind], &[]);
    run(&shared, make()).unwrap();
    roll_back(&shared, make()).unwrap();
    assert!(matches!(run(&shared, make()), Err(RunError::RolledBack { .. })));
    assert!(matches!(roll_back(&shared, make()), Err(RunError::RolledBack { .. })));
    let report = Report::from_journal(&journal(&shared)).unwrap();
    assert_eq!(report.status, "rolled back");
    assert_eq!(report.next, [""; 0]);
}

#[test]
fn a_setting_from_before_the_run_is_not_removed() {
    let shared = Shared::default();
    shared.change(|world| {
        world.settings.insert("b1".into(), "on".into());
    });
    let make = || book(&shared, &[Work::Set], &[], &[]);
    run(&shared, make()).unwrap();
    roll_back(&shared, make()).unwrap();
    assert!(shared.get().world.is("b1", "on"));
}

/// Findings that became too old while the run was stopped are looked up again by the next process.
#[test]
fn an_outdated_step_is_done_again_when_the_run_is_resumed() {
    let shared = Shared::default();
    shared.get().fails_before.insert("b2".into(), 2);
    let make = || book(&shared, &[Work::Count, Work::Set], &[], &[]);
    let attempts = || {
        let records = journal(&shared).records().to_vec();
        History::of(&records).step("b1").attempts
    };
    run(&shared, make()).unwrap_err();
    run(&shared, make()).unwrap_err();
    assert_eq!(attempts(), 1, "not old yet");
    shared.change(|world| {
        world.settings.insert("outdated".into(), "b1".into());
    });
    run(&shared, make()).unwrap();
    assert_eq!(attempts(), 2);
    let is_said = |event: &Event| matches!(event, Event::Note(text) if text == "b1 is old");
    assert!(shared.get().events.iter().any(is_said));
}

/// If the dynos do not start, visitors keep seeing the maintenance page instead of Heroku's error.
#[test]
fn maintenance_stays_on_if_the_dynos_could_not_be_started() {
    let shared = Shared::default();
    shared.get().fails_after.insert("open".into(), 1);
    let make = || {
        Runbook::of(Arc::new(()))
            .bracket("inner", "around")
            .step(toy(&shared, "maintenance", "around", Work::Stand("open")))
            .step(toy(&shared, "dynos", "around", Work::Stand("open")))
            .step(toy(&shared, "quarantine", "around", Work::Stand("open")))
            .step(toy(&shared, "i0", "inner", Work::Set))
            .step(toy(&shared, "open", "after", Work::End("quarantine")))
            .build()
            .unwrap()
    };
    run(&shared, make()).unwrap_err();
    shared.get().fails_undo.insert("dynos".into(), 1);
    let error = roll_back(&shared, make()).unwrap_err();
    let RunError::NotPutBack { left, .. } = &error else { panic!("{error}") };
    assert_eq!(left, &["maintenance", "dynos"]);
    assert!(shared.get().world.is("maintenance", "on"));
    assert_eq!(roll_back(&shared, make()).unwrap().status, EndStatus::RolledBack);
    assert!(shared.get().world.settings.is_empty());
}

/// If a run is killed after its last record and before it releases the lock, both commands release
/// it.
#[test]
fn a_run_that_is_rolled_back_keeps_no_lock() {
    let shared = Shared::default();
    let make = || book(&shared, &[Work::Set], &[], &[]);
    run(&shared, make()).unwrap();
    roll_back(&shared, make()).unwrap();
    let holder = holder();
    for forward in [true, false] {
        shared.change(|world| world.lock = Some(holder.clone()));
        let error = if forward { run(&shared, make()) } else { roll_back(&shared, make()) };
        assert!(matches!(error, Err(RunError::RolledBack { .. })));
        assert!(shared.get().world.lock.is_none(), "forward: {forward}");
    }
}

/// Nothing was put back. A run that was done is still done and keeps no lock. A run that stopped
/// half-way keeps its lock, and can still be resumed.
#[test]
fn a_rollback_whose_precaution_fails_has_not_begun() {
    for stops in [false, true] {
        let shared = Shared::default();
        shared.get().fails_after.insert("b2".into(), u32::from(stops));
        let make = || book(&shared, &[Work::Set, Work::Set], &[], &[]);
        assert_eq!(run(&shared, make()).is_err(), stops);
        shared.get().fails_before.insert("precaution".into(), 1);
        let precaution = || toy(&shared, "precaution", "rollback", Work::Post);
        let error = roll_back_after(&shared, make(), precaution()).unwrap_err();
        assert!(matches!(error, RunError::NotBegunBack { .. }), "{error}");
        let hints = CommandError::from(error).hint_texts().join(" ");
        assert!(hints.contains("runs rollback") && hints.contains("runs unlock"), "{hints}");
        let standing = History::of(journal(&shared).records()).standing;
        assert_eq!(standing == Standing::Done { warnings: false }, !stops, "{standing:?}");
        assert_eq!(shared.get().world.lock.is_some(), stops);
        assert!(shared.get().world.is("b1", "on"));
        let end = roll_back_after(&shared, make(), precaution()).unwrap();
        assert_eq!(end.status, EndStatus::RolledBack);
        assert!(shared.get().world.lock.is_none() && shared.get().world.settings.is_empty());
    }
}
