//! What happens in a run: the one stream of events that the journal, the screen and the report are
//! consumers of.
//!
//! In the journal each [`Record`] is a line of JSON. Within one schema version only kinds of events
//! may be added that a reader can do without: it takes them for [`Entry::Unknown`]. Anything else
//! raises the version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::evidence::Evidence;
use super::lock::Operator;
use super::run_id::RunId;
use super::step::StepKind;

pub const SCHEMA_VERSION: u32 = 1;

/// One transition of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub schema_version: u32,
    /// Counts from 1 without gaps, so that a line that was taken out is noticed.
    pub sequence: u64,
    pub at: jiff::Timestamp,
    #[serde(flatten)]
    pub entry: Entry,
}

/// What the run is about to change, by identity and not only by name: application ids, hosts and
/// names of databases, buckets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub name: String,
    pub identity: BTreeMap<String, String>,
}

/// Flags that the run was begun with, so that it can be resumed with the same.
pub type Flags = BTreeMap<String, Value>;

/// A step as it was when the run began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedStep {
    pub id: String,
    pub stage: String,
    pub kind: StepKind,
    pub description: String,
}

/// The beginning of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    pub run: RunId,
    pub command: String,
    pub target: Target,
    /// The digest of the plan that was approved, where there was one.
    pub plan_digest: Option<String>,
    pub tool_version: String,
    #[serde(flatten)]
    pub operator: Operator,
    pub flags: Flags,
    pub steps: Vec<RecordedStep>,
    pub left_out: Vec<String>,
}

/// How a finished step came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Done,
    /// It was so before the step did anything.
    AlreadySo,
    Warning,
}

/// How a run or its rollback came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndStatus {
    Done,
    DoneWithWarnings,
    RolledBack,
    /// Something could not be put back.
    Incomplete,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    RunStarted(Box<RunStarted>),
    /// Somebody goes on with the run.
    Resumed {
        #[serde(flatten)]
        operator: Operator,
        tool_version: String,
        /// Those that were added or changed.
        flags: Flags,
        left_out: Vec<String>,
    },
    /// The guard looked right before something is changed.
    Guarded {
        step: String,
        evidence: Evidence,
    },
    /// The act begins. Without this line it never ran.
    StepStarted {
        step: String,
        attempt: u32,
    },
    /// A remote job is about to be asked for.
    Intent {
        step: String,
        name: String,
        details: Value,
    },
    /// The remote job exists and is called this.
    External {
        step: String,
        name: String,
        id: String,
    },
    /// The remote job has come to an end, or never came to be; the next one of this name is new.
    Settled {
        step: String,
        name: String,
        how: String,
    },
    Value {
        step: String,
        key: String,
        value: Value,
    },
    /// The act is over and not yet verified.
    StepActed {
        step: String,
        ending: Ending,
        evidence: Evidence,
        warnings: Vec<String>,
    },
    StepFinished {
        step: String,
        ending: Ending,
        evidence: Evidence,
        verified: Evidence,
        warnings: Vec<String>,
        undo_hint: Option<String>,
        seconds: f64,
    },
    /// What the attempt asked for was refused as a whole, so that it has changed nothing. That it
    /// failed follows. A reader who does without it takes the step for one that may have acted.
    Untouched {
        step: String,
    },
    StepFailed {
        step: String,
        kind: String,
        message: String,
        hints: Vec<String>,
        warnings: Vec<String>,
        undo_hint: Option<String>,
        seconds: f64,
    },
    /// The step found nothing to do.
    Skipped {
        step: String,
        reason: String,
        evidence: Evidence,
        warnings: Vec<String>,
    },
    /// The user wants the run without the step.
    LeftOut {
        step: String,
        reason: String,
    },
    NeedsDecision {
        step: String,
        question: String,
        flag: String,
    },
    Interrupted {
        step: Option<String>,
        /// What goes on by itself elsewhere.
        goes_on: Vec<String>,
    },
    RunFinished {
        status: EndStatus,
    },
    RollbackStarted {
        #[serde(flatten)]
        operator: Operator,
        tool_version: String,
    },
    UndoStarted {
        step: String,
    },
    StepUndone {
        step: String,
        evidence: Evidence,
        verified: Evidence,
        warnings: Vec<String>,
        seconds: f64,
    },
    UndoFailed {
        step: String,
        kind: String,
        message: String,
        hints: Vec<String>,
        warnings: Vec<String>,
    },
    /// The step is left as it is.
    UndoSkipped {
        step: String,
        reason: String,
        hint: Option<String>,
    },
    RollbackFinished {
        status: EndStatus,
        /// Steps that are not put back.
        left: Vec<String>,
    },
    #[serde(other)]
    Unknown,
}

/// A consumer of the stream. It is called after the journal has the record safely on disk.
pub trait Consumer: Send + Sync {
    fn take(&self, record: &Record);
}
