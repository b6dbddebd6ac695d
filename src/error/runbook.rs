//! The exit codes of the runbook engine's errors, and what to type next.

use crate::adapters::git::GitError;
use crate::failure::{CommandError, FailureKind};
use crate::runbook::plan::PlanError;
use crate::runbook::{
    BookError, History, Holder, JournalError, LockError, RunError, RunId, StoreError,
};

impl From<BookError> for CommandError {
    fn from(error: BookError) -> Self {
        match error {
            BookError::UnknownStage { .. } => CommandError::wrap(FailureKind::Usage, error),
            BookError::Unbracketed { .. } => CommandError::wrap(FailureKind::Refused, error),
            BookError::Twice { .. } | BookError::Reference { .. } => {
                CommandError::wrap(FailureKind::Unexpected, error)
            }
        }
    }
}

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Stale { ref differences } => {
                let hints: Vec<String> = differences.iter().map(ToString::to_string).collect();
                let error = hints
                    .into_iter()
                    .fold(CommandError::wrap(FailureKind::StalePlan, error), Self::hint);
                error.hint("make a new plan, and look at it: --plan-out FILE")
            }
            PlanError::Secret { .. } => CommandError::wrap(FailureKind::Unexpected, error),
            PlanError::Version { .. } | PlanError::Tampered { .. } => {
                CommandError::wrap(FailureKind::Configuration, error)
                    .hint("make a new plan, and look at it: --plan-out FILE")
            }
            _ => CommandError::wrap(FailureKind::Configuration, error),
        }
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unknown { .. } => {
                CommandError::wrap(FailureKind::Usage, error).hint("bcops runs list")
            }
            StoreError::Ambiguous { .. } => CommandError::wrap(FailureKind::Usage, error),
            StoreError::Busy { .. } => CommandError::wrap(FailureKind::Locked, error),
            StoreError::Folder { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("point BCOPS_STATE_DIR at a folder that you may write to"),
            StoreError::Journal { source, .. } => source.into(),
        }
    }
}

impl From<LockError> for CommandError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { ref holder } => {
                let hints = held_by(holder);
                hints
                    .into_iter()
                    .fold(CommandError::wrap(FailureKind::Locked, error), CommandError::hint)
            }
            LockError::Lost { .. } => CommandError::wrap(FailureKind::Locked, error),
            LockError::NotThere { .. } => {
                CommandError::wrap(FailureKind::Usage, error).hint("bcops runs list")
            }
            LockError::Unusable { ref source, .. } => match source.downcast_ref::<GitError>() {
                Some(GitError::UnreadableLock { remote, reference, .. }) => {
                    // No command can read it, so none can say whose it is.
                    let by_hand = format!(
                        "when nobody resets staging: git push {remote} --delete {reference}"
                    );
                    CommandError::wrap(FailureKind::Locked, error).hint(by_hand)
                }
                _ => CommandError::wrap(FailureKind::Configuration, error),
            },
        }
    }
}

/// What to do about a lock that another run has. Breaking it is the last of the ways.
fn held_by(holder: &Holder) -> Vec<String> {
    let (run, host) = (&holder.run, &holder.operator.host);
    if holder.may_be_at_work(jiff::Timestamp::now()) {
        return vec![format!("wait for the end of run {run} on {host}")];
    }
    let (resume, back) = (run.resume_command(), run.rollback_command());
    if holder.operator.is_of_this_machine() {
        return vec![format!("to continue: {resume}"), format!("to go back: {back}")];
    }
    let way_back = match holder.essence {
        Some(_) => format!(", roll it back here with {back},"),
        None => String::new(),
    };
    let history = holder.essence.as_ref().map(|essence| History::of(essence.records()));
    let destination = history.and_then(|history| history.flags.get("destination").cloned());
    let environment = destination.as_ref().and_then(|name| name.as_str()).unwrap_or("staging");
    vec![format!(
        "run {run} is {host}'s: resume it there{way_back} or take over with {} and bcops \
         reset-{environment}",
        run.unlock_command()
    )]
}

impl From<JournalError> for CommandError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::OtherTarget { .. } => CommandError::wrap(FailureKind::Refused, error),
            JournalError::Version { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("use the bcops that began the run"),
            _ => CommandError::wrap(FailureKind::Unexpected, error),
        }
    }
}

impl From<RunError> for CommandError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Book(error) => error.into(),
            RunError::Plan(error) => error.into(),
            RunError::Store(error) => error.into(),
            RunError::Lock(error) => error.into(),
            RunError::Journal(error) => error.into(),
            RunError::Step { run, step, error, undo_hint, changed } => {
                failed_step(&run, &step, *error, undo_hint, changed)
            }
            RunError::Decision { ref run, ref flag, .. } => {
                let hint = format!("to go on: {} {flag}", run.resume_command());
                let back = format!("to go back: {}", run.rollback_command());
                CommandError::wrap(FailureKind::Partial, error).hint(hint).hint(back)
            }
            RunError::Interrupted { ref run, ref goes_on, changed } => {
                let run = run.clone();
                let hints: Vec<String> =
                    goes_on.iter().map(|what| format!("this goes on by itself: {what}")).collect();
                let error = hints
                    .into_iter()
                    .fold(CommandError::wrap(FailureKind::Interrupted, error), Self::hint);
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
                let unlock = format!("to give up a lock that is left: {}", run.unlock_command());
                let error = hints.into_iter().fold(CommandError::wrap(kind, error), Self::hint);
                error.hint(again).hint(unlock)
            }
            RunError::NotPutBack { ref run, ref hints, .. } => {
                let again = format!("to try again: {}", run.rollback_command());
                let hints = hints.clone();
                hints
                    .into_iter()
                    .fold(CommandError::wrap(FailureKind::Partial, error), Self::hint)
                    .hint(again)
            }
            RunError::Over { ref run } => {
                let hint = format!("to put back what it did: {}", run.rollback_command());
                CommandError::wrap(FailureKind::Usage, error).hint(hint)
            }
            RunError::RollingBack { ref run } => {
                let show = format!("to see how far it is: bcops runs show {run}");
                let hint = format!("to go on with that: {}", run.rollback_command());
                CommandError::wrap(FailureKind::Usage, error).hint(hint).hint(show)
            }
            RunError::RolledBack { ref run } => {
                let hint = format!("to see what was done: bcops runs show {run}");
                CommandError::wrap(FailureKind::Usage, error).hint(hint)
            }
            RunError::OtherSteps { ref version, .. } => {
                let hint = format!("use bcops {version}, which began the run");
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
        }
    }
}

/// The step's own kind, hints and causes. Kinds that promise that nothing was changed are kept only
/// where that is so.
fn failed_step(
    run: &RunId,
    step: &str,
    error: CommandError,
    undo_hint: Option<String>,
    changed: bool,
) -> CommandError {
    let promises = error.kind.is_refusal() || error.kind == FailureKind::Usage;
    let kind = if changed && promises { FailureKind::Partial } else { error.kind };
    let (hints, result) = (error.hints.clone(), error.result.clone());
    let failed = CommandError::new(kind, format!("the step {step} failed: {error}"))
        .with_result(result)
        .with_cause(error);
    let failed = hints.into_iter().fold(failed, CommandError::hint);
    let undo = undo_hint.map(|hint| format!("to put this step back by hand: {hint}"));
    ways_on(undo.into_iter().fold(failed, CommandError::hint), run, changed)
}

/// What to type next.
fn ways_on(error: CommandError, run: &RunId, changed: bool) -> CommandError {
    let error = error.hint(format!("to go on: {}", run.resume_command()));
    if changed { error.hint(format!("to go back: {}", run.rollback_command())) } else { error }
}
