//! What a step is: the contract between the engine and whoever writes a runbook.
//!
//! The engine asks `probe` whether what the step is for is already so, lets it `act`, and then lets
//! `verify` look independently. All three must be prepared for a process that was killed at any
//! moment of an earlier attempt: completion is promised, single execution is not. What must not
//! happen twice is told to the journal before it happens ([`StepContext::intent`]) and as soon as
//! it has a name ([`StepContext::external`]).
//!
//! The methods return boxed futures so that a list can hold steps of many types.

use futures_util::future::BoxFuture;
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
    /// Whether the destination is different afterwards, so that guards look first.
    pub fn changes(self) -> bool {
        matches!(self, StepKind::Reversible | StepKind::Destructive)
    }

    pub fn name(self) -> &'static str {
        match self {
            StepKind::Check => "check",
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

/// How a step is put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndoWay {
    /// It leaves nothing that has to be put back.
    Nothing,
    /// [`Step::undo`] puts it back.
    Own,
    /// Putting back another, earlier step puts this one back as well: a restored backup takes the
    /// migrations with it.
    With(&'static str),
    /// It cannot be put back by a program, for this reason.
    Impossible(&'static str),
    /// It stays as the step left it, for this reason, and a rollback is complete without it.
    Stays(&'static str),
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
pub type StepFuture<'a, T> = BoxFuture<'a, StepResult<T>>;

/// One step of a runbook.
pub trait Step: Send + Sync {
    /// Stable for ever: journals, plans and flags name it.
    fn id(&self) -> &'static str;

    /// The stage, which can be left out as a whole.
    fn stage(&self) -> &'static str;

    fn kind(&self) -> StepKind;

    /// In words for the plan and the screen.
    fn describe(&self) -> String;

    /// What it will change.
    fn effects(&self) -> Vec<Effect> {
        Vec::new()
    }

    /// For a step that makes something true that has to stay true: the later step that ends it on
    /// purpose. Until that one is finished, the engine probes this one again whenever a run is
    /// resumed and before every destructive step, and lets it act again where it lapsed. The step that
    /// ends it is put back with it ([`UndoWay::With`]): putting this one back is what opens again.
    fn stands_until(&self) -> Option<&'static str> {
        None
    }

    fn probe<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Probe>;

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome>;

    /// Why what the finished step found is too old for a run that is resumed. The step is done again
    /// then.
    fn outdated(&self, _context: &StepContext) -> Option<String> {
        None
    }

    /// Looks independently of what the act believes. What it returns is the proof in the journal;
    /// an error means that the step failed.
    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence>;

    fn undo_way(&self) -> UndoWay {
        if self.kind().changes() {
            UndoWay::Impossible("there is no way back from this step")
        } else {
            UndoWay::Nothing
        }
    }

    /// Puts back what the step did, or may have done before it was killed. It is called again after
    /// a kill, so that it has to be harmless the second time.
    fn undo<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async { Ok(Evidence::new()) })
    }

    /// Whether it really was put back. What still is as the step made it was not.
    fn verify_undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            match self.probe(context).await? {
                Probe::Done(_) => Err(StepError::failed(
                    FailureKind::Unexpected,
                    format!("{} was put back and is still as the step left it", self.id()),
                )),
                Probe::NotYet => Ok(Evidence::new().fact("no longer so", true)),
                Probe::CannotTell => Ok(Evidence::new().fact("can be seen", false)),
            }
        })
    }

    /// For a step that ends standing ones: looks, after those were put back, that what is open
    /// again works.
    fn verify_open_again<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async { Ok(Evidence::new()) })
    }

    /// The command that puts this one step back by hand, for the screen and the report.
    fn undo_hint(&self, _context: &StepContext) -> Option<String> {
        None
    }
}

/// Looks once more, right before something is changed, that it is the right thing that is changed.
pub trait Guard: Send + Sync {
    /// An error stops the run before the step begins. The evidence is journalled.
    fn before<'a>(&'a self, step: &'a dyn Step) -> StepFuture<'a, Evidence>;
}
