//! Defines a step: the contract between the engine and the author of a runbook.
//!
//! A step works on a world, `W`. The engine calls `probe` to see whether the work is already done,
//! then `act`, and then `verify`, which checks the result independently. All three must expect that
//! an earlier attempt was killed at any moment: the engine promises that a step completes, not that
//! it runs only once. A step records an effect that must not happen twice before it happens
//! ([`StepContext::intent`]) and as soon as it has an identifier ([`StepContext::external`]).
//!
//! The list of the runbook says what a step is called, when it runs and how it is put back
//! ([`StepEntry`](super::StepEntry)).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::context::StepContext;
use super::evidence::Evidence;
use crate::failure::{CommandError, EnvironmentName, FailureKind};

/// The kind of work that a step does. It decides how careful the engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Reads only.
    Check,
    /// Adds something and overwrites nothing.
    Additive,
    /// Changes something that can be put back.
    Reversible,
    /// Overwrites or deletes something.
    Destructive,
    /// A person does the work. The step says what to do, and waits for the answer that it is done.
    Manual,
    /// Waits for a remote job that changes nothing that needs to be put back.
    Wait,
}

impl StepKind {
    /// Whether the step changes something that existed before.
    pub fn changes(self) -> bool {
        matches!(self, StepKind::Reversible | StepKind::Destructive)
    }

    /// Whether the guard checks the destination first.
    pub fn is_guarded(self) -> bool {
        self.changes() || self == StepKind::Additive
    }

    pub fn name(self) -> &'static str {
        match self {
            StepKind::Check => "check",
            StepKind::Additive => "additive",
            StepKind::Reversible => "reversible",
            StepKind::Destructive => "destructive",
            StepKind::Manual => "manual",
            StepKind::Wait => "wait",
        }
    }
}

/// One thing that a step will change, for the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    pub what: String,
    /// The step after which the details are known. A plan names effects that it cannot know yet,
    /// because otherwise it would look as if nothing happened there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_after: Option<String>,
}

impl Effect {
    pub fn new(what: impl Into<String>) -> Self {
        Effect { what: what.into(), known_after: None }
    }

    pub fn known_after(what: impl Into<String>, step: &'static str) -> Self {
        Effect { what: what.into(), known_after: Some(step.to_owned()) }
    }
}

/// Whether the work of a step is already done.
#[derive(Debug, Clone, PartialEq)]
pub enum Probe {
    /// The work is done, and `verify` will confirm it.
    Done(Evidence),
    NotYet,
    /// The probe cannot see it. The act is called, and has to look at its own records with
    /// [`StepContext::job`] before it repeats anything.
    CannotTell,
}

/// How an act ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Done(Evidence),
    /// Done, and a person should look at something.
    Warning {
        text: String,
        evidence: Evidence,
    },
    /// There was nothing to do, for this reason. Nothing is verified afterwards.
    Skipped {
        reason: String,
        evidence: Evidence,
    },
}

impl Outcome {
    /// There was nothing to do, and nothing was found on the way.
    pub fn skipped(reason: impl Into<String>) -> Outcome {
        Outcome::Skipped { reason: reason.into(), evidence: Evidence::new() }
    }
}

/// Why a step did not finish.
#[derive(Debug)]
pub enum StepError {
    Failed(Box<CommandError>),
    /// The step failed, and this attempt certainly changed nothing, because its request was refused
    /// as a whole.
    Untouched(Box<CommandError>),
    /// A person has to decide. The run stops here and can be resumed with the flag.
    NeedsDecision {
        question: String,
        flag: String,
    },
    /// Ctrl-C was pressed while the step waited at a safe point. These things continue by
    /// themselves.
    Interrupted {
        goes_on: Vec<String>,
    },
}

impl StepError {
    pub fn failed(kind: FailureKind, message: impl Into<String>) -> Self {
        CommandError::new(kind, message).into()
    }

    /// Names the environment in hints that lack it: see [`CommandError::in_environment`].
    pub fn in_environment(self, named: &EnvironmentName) -> Self {
        let name = |error: Box<CommandError>| Box::new(error.in_environment(named));
        match self {
            StepError::Failed(error) => StepError::Failed(name(error)),
            StepError::Untouched(error) => StepError::Untouched(name(error)),
            other => other,
        }
    }

    /// For a verification: an error with this text unless `so` is true.
    pub fn unless(so: bool, otherwise: impl FnOnce() -> String) -> StepResult<()> {
        if so { Ok(()) } else { Err(StepError::failed(FailureKind::RemoteJob, otherwise())) }
    }

    pub fn untouched(error: impl Into<CommandError>) -> Self {
        StepError::Untouched(Box::new(error.into()))
    }
}

/// Every error that can become a command's error can become a step's, so that `?` works on all
/// adapters.
impl<E> From<E> for StepError
where
    CommandError: From<E>,
{
    fn from(error: E) -> Self {
        StepError::Failed(Box::new(error.into()))
    }
}

pub type StepResult<T> = Result<T, StepError>;

/// The work of one step that changes something, or waits for a person or a job.
#[async_trait]
pub trait Step<W>: Send + Sync {
    /// The description for the plan and the screen.
    fn describe(&self, world: &W) -> String;

    /// What the step will change.
    fn effects(&self, _world: &W) -> Vec<Effect> {
        Vec::new()
    }

    /// Whether the work is already done. The default leaves that to the act, for work that cannot
    /// be seen from outside.
    async fn probe(&self, _world: &W, _context: &StepContext) -> StepResult<Probe> {
        Ok(Probe::CannotTell)
    }

    async fn act(&self, world: &W, context: &StepContext) -> StepResult<Outcome>;

    /// Why the findings of the finished step are too old for a resumed run. The step then runs
    /// again.
    fn outdated(&self, _world: &W, _context: &StepContext) -> Option<String> {
        None
    }

    /// Checks the result independently of the act. The returned evidence is the proof in the
    /// journal. An error means that the step failed.
    async fn verify(&self, world: &W, context: &StepContext) -> StepResult<Evidence>;

    /// For a step that ends standing steps: checks that the site works after these were put back.
    async fn verify_open_again(&self, _world: &W, _context: &StepContext) -> StepResult<Evidence> {
        Ok(Evidence::new())
    }
}

/// A step that only reads. Its findings are its outcome, and there is nothing more to verify.
#[async_trait]
pub trait Check<W>: Send + Sync {
    /// The description for the plan and the screen.
    fn describe(&self, world: &W) -> String;

    async fn look(&self, world: &W, context: &StepContext) -> StepResult<Outcome>;
}

/// Puts a step back.
#[async_trait]
pub trait Undo<W>: Send + Sync {
    /// Puts back what the step did, or may have done before it was killed. It is called again after
    /// a kill, so a second call must be harmless.
    async fn undo(&self, world: &W, context: &StepContext) -> StepResult<Evidence>;

    /// Checks that the step was put back.
    async fn verify_undo(&self, world: &W, context: &StepContext) -> StepResult<Evidence>;

    /// The command that puts this one step back by hand, for the screen and the report.
    fn undo_hint(&self, world: &W, context: &StepContext) -> Option<String>;
}

/// Checks once more, right before a change, that the destination is the right one.
#[async_trait]
pub trait Guard: Send + Sync {
    /// An error stops the run before the step begins. The evidence is journalled.
    async fn before(&self, step: &str) -> StepResult<Evidence>;
}
