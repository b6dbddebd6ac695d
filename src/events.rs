//! Defines the events that long operations emit.
//!
//! Library code emits events and never prints. The screen (bars or plain lines), the JSON result
//! and later the journal are consumers of this one stream.

use std::sync::Arc;

/// One event, or one measure of progress.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A server is asked, and the answer may take a while. Shown until the next event.
    Asking(String),
    /// A step with a stable identifier begins. Steps may overlap.
    StepStarted { step: &'static str, description: String },
    /// The progress of a step.
    StepProgress { step: &'static str, progress: Progress },
    /// The step succeeded. `summary` gives the result.
    StepFinished { step: &'static str, summary: String },
    /// The step was not needed. `summary` gives the reason.
    StepSkipped { step: &'static str, summary: String },
    /// The step failed. `summary` gives the reason.
    StepFailed { step: &'static str, summary: String },
    /// Useful information that is not a problem.
    Note(String),
    /// A problem for the user to check that did not stop the work.
    Warning(String),
}

/// A measure of progress: `done` of `total` in `unit`, with the current item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    /// `None` for a stream of unknown length.
    pub total: Option<u64>,
    pub unit: Unit,
    /// The current item, for example the table that is being loaded.
    pub current: String,
}

/// The unit of a [`Progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    Items,
}

/// A consumer of events. Implementations must be quick: hot code calls them.
pub trait Reporter: Send + Sync {
    fn emit(&self, event: Event);
}

/// A reporter that is shared.
pub type SharedReporter = Arc<dyn Reporter>;

/// A reporter that drops everything, for library users and tests.
#[derive(Debug, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn emit(&self, _event: Event) {}
}
