//! Tests skipped stages, standing steps around a stage, and how a run stops.

use std::sync::Arc;

use super::steps::{Work, book, toy};
use super::world::{Shared, journal, run};
use crate::failure::{CommandError, FailureKind};
use crate::runbook::{RunError, Runbook, RunbookError, Standing};

fn opened(shared: &Shared, left_out: &[&str]) -> Result<Runbook<()>, RunbookError> {
    let mut builder = Runbook::of(Arc::new(()))
        .step(toy(shared, "quarantine", "around", Work::Stand("open")))
        .step(toy(shared, "load", "inner", Work::Set))
        .step(toy(shared, "audit", "inner", Work::Skip))
        .step(toy(shared, "open", "after", Work::End("quarantine")))
        .bracket("inner", "around");
    for stage in left_out {
        builder = builder.leave_out(*stage);
    }
    builder.build()
}

#[test]
fn a_stage_does_not_run_without_the_stage_around_it() {
    let shared = Shared::default();
    let refused = opened(&shared, &["around"]).unwrap_err();
    assert!(matches!(refused, RunbookError::Unbracketed { .. }));
    assert_eq!(CommandError::from(refused).kind, FailureKind::Refused);
    assert!(opened(&shared, &["around", "inner"]).is_ok());
    assert!(matches!(opened(&shared, &["nothing"]), Err(RunbookError::UnknownStage { .. })));
}

#[test]
fn a_half_done_stage_cannot_be_skipped_to_open_the_bracket() {
    let shared = Shared::default();
    shared.get().fails_after.insert("load".into(), 1);
    run(&shared, opened(&shared, &[]).unwrap()).unwrap_err();
    let error = run(&shared, opened(&shared, &["inner"]).unwrap()).unwrap_err();
    assert!(matches!(error, RunError::HeldBack { .. }), "{error}");
    assert!(shared.get().world.is("quarantine", "on"));
}

#[test]
fn a_lapsed_standing_step_is_repeated_before_anything_else() {
    let shared = Shared::default();
    shared.get().fails_before.insert("load".into(), 1);
    run(&shared, opened(&shared, &[]).unwrap()).unwrap_err();
    shared.change(|world| {
        world.settings.insert("quarantine".into(), "off".into());
    });
    let end = run(&shared, opened(&shared, &[]).unwrap()).unwrap();
    assert_eq!(end.warnings.len(), 1, "{:?}", end.warnings);
    assert_eq!(shared.get().violations, [""; 0]);
    assert!(shared.get().world.is("quarantine", "off"));
}

#[test]
fn a_refusing_guard_stops_before_anything_is_changed() {
    let shared = Shared::default();
    shared.get().guard_refuses = true;
    let error = CommandError::from(run(&shared, opened(&shared, &[]).unwrap()).unwrap_err());
    assert_eq!(error.kind, FailureKind::Refused);
    assert!(shared.get().world.settings.is_empty());
    assert!(shared.get().world.lock.is_none(), "nothing was changed, so the lock is free");
}

/// An additive step needs nothing to be put back, so a run that stops after it keeps no lock.
#[test]
fn an_additive_step_is_guarded_and_is_not_a_change() {
    let shared = Shared::default();
    let make = || book(&shared, &[Work::Add, Work::Set], &[], &[]);
    shared.get().guard_refuses = true;
    assert!(run(&shared, make()).is_err() && shared.get().world.settings.is_empty());
    shared.get().guard_refuses = false;
    shared.get().refused.insert("b2".into(), 1);
    let error = CommandError::from(run(&shared, make()).unwrap_err());
    assert_eq!(error.kind, FailureKind::Refused);
    assert!(shared.get().world.is("b1", "on") && shared.get().world.lock.is_none());
    assert_eq!(run(&shared, make()).unwrap().warnings, [""; 0]);
}

#[test]
fn a_decision_stops_the_run_and_keeps_the_lock() {
    let shared = Shared::default();
    let make = || book(&shared, &[Work::Set, Work::Decide], &[], &[]);
    let error = CommandError::from(run(&shared, make()).unwrap_err());
    assert_eq!(error.kind, FailureKind::Partial);
    assert_eq!(
        error.hint_texts().first().unwrap(),
        "to continue: bcops runs resume r20261122-201530-4f2a --on-conflict skip"
    );
    assert!(shared.get().world.lock.is_some());
    shared.change(|world| {
        world.settings.insert("decided".into(), "yes".into());
    });
    run(&shared, make()).unwrap();
    assert!(shared.get().world.lock.is_none());
    let over = CommandError::from(run(&shared, make()).unwrap_err());
    assert_eq!(over.kind, FailureKind::Usage);
}

#[test]
fn an_interruption_says_what_continues_by_itself() {
    let shared = Shared::default();
    shared.get().interrupts.insert("b1".into(), 1);
    let error = run(&shared, book(&shared, &[Work::Set], &[], &[])).unwrap_err();
    let RunError::Interrupted { goes_on, .. } = &error else { panic!("{error}") };
    assert_eq!(goes_on, &["a job"]);
    assert_eq!(CommandError::from(error).kind, FailureKind::Interrupted);
    let history = crate::runbook::History::of(journal(&shared).records());
    assert_eq!(history.standing, Standing::Interrupted);
}

#[test]
fn a_full_disk_stops_the_run() {
    let shared = Shared::default();
    shared.get().disk_full = true;
    let error = run(&shared, book(&shared, &[Work::Set], &[], &[])).unwrap_err();
    assert!(matches!(error, RunError::Journal(_)), "{error}");
    assert!(shared.get().world.settings.is_empty());
}
