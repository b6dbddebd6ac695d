//! What a step is: the contract between the engine and whoever writes a runbook.
//!
//! A step works on a world, `W`, which it is given. The engine asks `probe` whether what the step is
//! for is already so, lets it `act`, and then lets `verify` look independently. All three must be
//! prepared for a process that was killed at any moment of an earlier attempt: completion is
//! promised, single execution is not. What must not happen twice is told to the journal before it
//! happens ([`StepContext::intent`]) and as soon as it has a name ([`StepContext::external`]).
//!
//! What a step is called, when it is run and how it is put back stand in the list that the runbook
//! is made of ([`StepEntry`](super::StepEntry)).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::context::StepContext;
use super::evidence::Evidence;
use crate::failure::{CommandError, EnvironmentName, FailureKind};

/// What kind of work a step does, which decides how careful the engine is with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Reads only.
    Check,
    /// Adds something beside what is there, and overwrites nothing.
    Additive,
    /// Changes something that can be put back.
    Reversible,
    /// Overwrites or deletes something.
    Destructive,
    /// A person does it; the step says what, and waits to hear that it is done.
    Manual,
    /// Waits for a remote job that changes nothing which needs putting back.
    Wait,
}

impl StepKind {
    /// Whether something that was there is different afterwards.
    pub fn changes(self) -> bool {
        matches!(self, StepKind::Reversible | StepKind::Destructive)
    }

    /// Whether guards look first.
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
    /// The step after which the details are known. A plan that kept silent about what it cannot
    /// know yet would look as if nothing happened there.
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

/// Whether what a step is for is already so.
#[derive(Debug, Clone, PartialEq)]
pub enum Probe {
    /// It is so, and verification will bear it out.
    Done(Evidence),
    NotYet,
    /// The world does not show it. The act is called and has to look at its own records, with
    /// [`StepContext::job`], before it repeats anything.
    CannotTell,
}

/// How an act ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Done(Evidence),
    /// Done, and somebody should look at something.
    Warning {
        text: String,
        evidence: Evidence,
    },
    /// There was nothing to do, for this reason. Nothing is verified then.
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

/// Why a step did not come to its end.
#[derive(Debug)]
pub enum StepError {
    Failed(Box<CommandError>),
    /// The same, where it is certain that this attempt has changed nothing: what it asked for was
    /// refused as a whole.
    Untouched(Box<CommandError>),
    /// A person has to decide. The run stops here and can be resumed with the flag.
    NeedsDecision {
        question: String,
        flag: String,
    },
    /// Ctrl-C was pressed while the step waited where it is safe to stop; these things go on by
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

    /// For a verification: an error in these words unless it is so.
    pub fn unless(so: bool, otherwise: impl FnOnce() -> String) -> StepResult<()> {
        if so { Ok(()) } else { Err(StepError::failed(FailureKind::RemoteJob, otherwise())) }
    }

    pub fn untouched(error: impl Into<CommandError>) -> Self {
        StepError::Untouched(Box::new(error.into()))
    }
}

/// Whatever can be a command's error can be a step's, so that `?` works on all adapters.
impl<E> From<E> for StepError
where
    CommandError: From<E>,
{
    fn from(error: E) -> Self {
        StepError::Failed(Box::new(error.into()))
    }
}

pub type StepResult<T> = Result<T, StepError>;

/// The work of one step that changes something, or waits for somebody or something.
#[async_trait]
pub trait Step<W>: Send + Sync {
    /// In words for the plan and the screen.
    fn describe(&self, world: &W) -> String;

    /// What it will change.
    fn effects(&self, _world: &W) -> Vec<Effect> {
        Vec::new()
    }

    /// A step whose work cannot be seen from outside leaves it to the act.
    async fn probe(&self, _world: &W, _context: &StepContext) -> StepResult<Probe> {
        Ok(Probe::CannotTell)
    }

    async fn act(&self, world: &W, context: &StepContext) -> StepResult<Outcome>;

    /// Why what the finished step found is too old for a run that is resumed. The step is done again
    /// then.
    fn outdated(&self, _world: &W, _context: &StepContext) -> Option<String> {
        None
    }

    /// Looks independently of what the act believes. What it returns is the proof in the journal;
    /// an error means that the step failed.
    async fn verify(&self, world: &W, context: &StepContext) -> StepResult<Evidence>;

    /// For a step that ends standing ones: looks, after those were put back, that what is open
    /// again works.
    async fn verify_open_again(&self, _world: &W, _context: &StepContext) -> StepResult<Evidence> {
        Ok(Evidence::new())
    }
}

/// A step that only looks: what it found is its outcome, and there is nothing more to verify.
#[async_trait]
pub trait Check<W>: Send + Sync {
    /// In words for the plan and the screen.
    fn describe(&self, world: &W) -> String;

    async fn look(&self, world: &W, context: &StepContext) -> StepResult<Outcome>;
}

/// Puts a step back.
#[async_trait]
pub trait Undo<W>: Send + Sync {
    /// Puts back what the step did, or may have done before it was killed. It is called again after
    /// a kill, so that it has to be harmless the second time.
    async fn undo(&self, world: &W, context: &StepContext) -> StepResult<Evidence>;

    /// Whether it really was put back.
    async fn verify_undo(&self, world: &W, context: &StepContext) -> StepResult<Evidence>;

    /// The command that puts this one step back by hand, for the screen and the report.
    fn undo_hint(&self, world: &W, context: &StepContext) -> Option<String>;
}

/// Looks once more, right before something is changed, that it is the right thing that is changed.
#[async_trait]
pub trait Guard: Send + Sync {
    /// An error stops the run before the step begins. The evidence is journalled.
    async fn before(&self, step: &str) -> StepResult<Evidence>;
}
