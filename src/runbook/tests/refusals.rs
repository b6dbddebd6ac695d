//! Tests that a refused step has changed nothing, unless an earlier attempt or step did.

use super::steps::{Work, book};
use super::world::{Shared, run};
use crate::failure::{CommandError, FailureKind};
use crate::runbook::{EndStatus, RunError};

fn hints(error: RunError) -> (FailureKind, bool) {
    let error = CommandError::from(error);
    (error.kind, error.hint_texts().iter().any(|hint| hint.contains("runs rollback")))
}

#[test]
fn a_refused_step_is_not_a_change_however_often_it_is_tried() {
    let shared = Shared::default();
    shared.get().refused.insert("b2".into(), 2);
    let make = || book(&shared, &[Work::Post, Work::Set], &[], &[]);
    for _ in 0..2 {
        let error = run(&shared, make()).unwrap_err();
        assert_eq!(hints(error), (FailureKind::Refused, false));
        assert!(shared.get().world.lock.is_none(), "nothing was changed, so the lock is free");
    }
    assert_eq!(run(&shared, make()).unwrap().status, EndStatus::Done);
    assert_eq!(shared.get().world.jobs, ["b1"]);
}

#[test]
fn a_refused_step_that_may_have_acted_before_is_a_change() {
    let shared = Shared::default();
    shared.get().fails_after.insert("b2".into(), 1);
    let make = || book(&shared, &[Work::Post, Work::Blind], &[], &[]);
    assert_eq!(hints(run(&shared, make()).unwrap_err()), (FailureKind::RemoteJob, true));
    shared.get().refused.insert("b2".into(), 1);
    assert_eq!(hints(run(&shared, make()).unwrap_err()), (FailureKind::Partial, true));
    assert!(shared.get().world.lock.is_some());
}

#[test]
fn a_refused_step_after_a_change_leaves_the_change() {
    let shared = Shared::default();
    shared.get().refused.insert("b2".into(), 1);
    let make = || book(&shared, &[Work::Set, Work::Set], &[], &[]);
    assert_eq!(hints(run(&shared, make()).unwrap_err()), (FailureKind::Partial, true));
    assert!(shared.get().world.lock.is_some());
}
