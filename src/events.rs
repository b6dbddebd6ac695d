//! What long operations tell about themselves.
//!
//! Library code emits events and never prints. The screen (bars or plain lines), the JSON result
//! and later the journal are consumers of this one stream.

use std::sync::Arc;

/// One thing that happened, or one measure of how far something is.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A server is asked, and the answer may take a while. Shown until the next event.
    Asking(String),
    /// A step with a stable identifier begins. Steps may overlap.
    StepStarted { step: &'static str, description: String },
    /// How far a step is.
    StepProgress { step: &'static str, progress: Progress },
    /// The step ended well; `summary` says with what.
    StepFinished { step: &'static str, summary: String },
    /// The step was not needed; `summary` says why.
    StepSkipped { step: &'static str, summary: String },
    /// The step did not come to its end; `summary` says why.
    StepFailed { step: &'static str, summary: String },
    /// Something worth knowing that is not a problem.
    Note(String),
    /// Something that the user should look at, but that did not stop the work.
    Warning(String),
}

/// A measure of progress: `done` of `total` in `unit`, with a word on what is in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    /// Unknown for a stream that does not tell its length.
    pub total: Option<u64>,
    pub unit: Unit,
    /// What is in hand, for example the table whose rows pass by.
    pub current: String,
}

/// What a [`Progress`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    Items,
}

/// A consumer of events. Implementations must be quick: they are called from the hot path.
pub trait Reporter: Send + Sync {
    fn emit(&self, event: Event);
}

/// The form in which a reporter is handed around.
pub type SharedReporter = Arc<dyn Reporter>;

/// A reporter that drops everything, for library users and tests that do not look.
#[derive(Debug, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn emit(&self, _event: Event) {}
}
