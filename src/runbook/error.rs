//! Why a run did not come to its end.

use thiserror::Error;

use super::journal::JournalError;
use super::list::BookError;
use super::lock::LockError;
use super::plan::PlanError;
use super::run_id::RunId;
use super::store::StoreError;
use crate::failure::CommandError;

#[derive(Debug, Error)]
pub enum RunError {
    #[error("the step {step} failed: {error}")]
    Step {
        run: RunId,
        step: String,
        error: Box<CommandError>,
        undo_hint: Option<String>,
        /// Whether the run has changed anything so far.
        changed: bool,
    },
    #[error("the run {run} waits for a decision: {question}")]
    Decision { run: RunId, step: String, question: String, flag: String },
    #[error("interrupted; the run {run} stopped at a safe point")]
    Interrupted { run: RunId, goes_on: Vec<String>, changed: bool },
    #[error("the run {run} no longer holds the lock, and stopped at a safe point")]
    LockLost { run: RunId },
    #[error("{step} is not run: {inside} has begun and did not come to its verified end")]
    HeldBack { run: RunId, step: String, inside: String },
    #[error("{step} is not run: {around}, which has to be in force around it, is not")]
    NotAround { run: RunId, step: String, around: String },
    #[error("the rollback of the run {run} was not begun: the step {step} failed: {error}")]
    NotBegunBack { run: RunId, step: String, error: Box<CommandError> },
    #[error("the rollback of the run {run} could not put back {}{}", left.join(", "), because(.reasons))]
    NotPutBack { run: RunId, left: Vec<String>, hints: Vec<String>, reasons: Vec<String> },
    #[error("the run {run} is over")]
    Over { run: RunId },
    #[error("the run {run} is being rolled back")]
    RollingBack { run: RunId },
    #[error("the run {run} has been rolled back")]
    RolledBack { run: RunId },
    #[error("the run {run} was begun with other steps: {was}; this bcops has {is}")]
    OtherSteps { run: RunId, was: String, is: String, version: String },
    #[error(transparent)]
    Book(#[from] BookError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

fn because(reasons: &[String]) -> String {
    if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) }
}
