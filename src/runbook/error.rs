//! Defines why a run stopped, and what to type next.

use thiserror::Error;

use super::journal::JournalError;
use super::list::RunbookError;
use super::lock::LockError;
use super::plan::PlanError;
use super::run_id::RunId;
use super::store::StoreError;
use crate::failure::{CommandError, FailureKind};

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
    #[error("the run {run} lost the lock and stopped at a safe point")]
    LockLost { run: RunId },
    #[error("cannot run {step}: {inside} has begun and is not finished and verified")]
    HeldBack { run: RunId, step: String, inside: String },
    #[error("cannot run {step}: {around} is not in force")]
    NotAround { run: RunId, step: String, around: String },
    #[error("cannot begin the rollback of the run {run}: the step {step} failed: {error}")]
    NotBegunBack { run: RunId, step: String, error: Box<CommandError> },
    #[error("the rollback of the run {run} could not put back {}{}", left.join(", "), because(.reasons))]
    NotPutBack { run: RunId, left: Vec<String>, hints: Vec<String>, reasons: Vec<String> },
    #[error("cannot resume the run {run}: the run is already done")]
    Over { run: RunId },
    #[error("cannot resume the run {run}: its rollback has begun")]
    RollingBack { run: RunId },
    #[error("the run {run} has been rolled back")]
    RolledBack { run: RunId },
    #[error("cannot use the run {run}: it began with other steps: {was}; this bcops has {is}")]
    OtherSteps { run: RunId, was: String, is: String, version: String },
    #[error(transparent)]
    Runbook(#[from] RunbookError),
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

impl From<RunError> for CommandError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Runbook(error) => error.into(),
            RunError::Plan(error) => error.into(),
            RunError::Store(error) => error.into(),
            RunError::Lock(error) => error.into(),
            RunError::Journal(error) => error.into(),
            RunError::Step { run, step, error, undo_hint, changed } => {
                failed_step(&run, &step, *error, undo_hint, changed)
            }
            RunError::Decision { ref run, ref flag, .. } => {
                let hint = format!("to continue: {} {flag}", run.resume_command());
                let back = format!("to roll back: {}", run.rollback_command());
                CommandError::wrap(FailureKind::Partial, error).hint(hint).hint(back)
            }
            RunError::Interrupted { ref run, ref goes_on, changed } => {
                let run = run.clone();
                let hints: Vec<String> = goes_on
                    .iter()
                    .map(|what| format!("this continues by itself: {what}"))
                    .collect();
                let error = CommandError::wrap(FailureKind::Interrupted, error).with_hints(hints);
                ways_on(error, &run, changed)
            }
            RunError::LockLost { ref run }
            | RunError::HeldBack { ref run, .. }
            | RunError::NotAround { ref run, .. } => {
                let run = run.clone();
                ways_on(CommandError::wrap(FailureKind::Partial, error), &run, true)
            }
            RunError::NotBegunBack { ref run, error: ref cause, .. } => {
                let (kind, hints) = (cause.kind, cause.hints.clone());
                let again = format!("to try again: {}", run.rollback_command());
                let unlock = format!("to release a lock that is left: {}", run.unlock_command());
                let error = CommandError::wrap(kind, error).with_hints(hints);
                error.hint(again).hint(unlock)
            }
            RunError::NotPutBack { ref run, ref hints, .. } => {
                let again = format!("to try again: {}", run.rollback_command());
                let hints = hints.clone();
                CommandError::wrap(FailureKind::Partial, error).with_hints(hints).hint(again)
            }
            RunError::Over { ref run } => {
                let hint = format!("to put back what the run did: {}", run.rollback_command());
                CommandError::wrap(FailureKind::Usage, error).hint(hint)
            }
            RunError::RollingBack { ref run } => {
                let show = format!("to see how far the rollback is: bcops runs show {run}");
                let hint = format!("to continue the rollback: {}", run.rollback_command());
                CommandError::wrap(FailureKind::Usage, error).hint(hint).hint(show)
            }
            RunError::RolledBack { ref run } => {
                let hint = format!("to see what the run did: bcops runs show {run}");
                CommandError::wrap(FailureKind::Usage, error).hint(hint)
            }
            RunError::OtherSteps { ref version, .. } => {
                let hint = format!("use bcops {version}, which began the run");
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
        }
    }
}

/// Keeps the step's own kind, hints and causes. A kind that promises that nothing was changed is
/// kept only if the run has changed nothing.
fn failed_step(
    run: &RunId,
    step: &str,
    error: CommandError,
    undo_hint: Option<String>,
    changed: bool,
) -> CommandError {
    let promises = error.kind.is_refusal() || error.kind == FailureKind::Usage;
    let kind = if changed && promises { FailureKind::Partial } else { error.kind };
    let text = format!("the step {step} failed: {error}");
    let failed = error.with_kind(kind).context(text);
    let undo = undo_hint.map(|hint| format!("to put this step back by hand: {hint}"));
    ways_on(failed.with_hints(undo), run, changed)
}

/// Adds the commands that continue or roll back the run.
fn ways_on(error: CommandError, run: &RunId, changed: bool) -> CommandError {
    let error = error.hint(format!("to continue: {}", run.resume_command()));
    match changed {
        true => error.hint(format!("to roll back: {}", run.rollback_command())).look_first(),
        false => error,
    }
}
