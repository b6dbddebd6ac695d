//! Defines the events of a run: one stream that the journal, the screen and the report consume.
//!
//! Each [`Record`] is a line of JSON in the journal. Within one schema version, a new kind of event
//! must be one that an older reader can ignore: it reads the event as [`Entry::Unknown`]. Any other
//! change raises the version.

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
    /// Counts from 1 without gaps, so that a missing line is noticed.
    pub sequence: u64,
    pub at: jiff::Timestamp,
    #[serde(flatten)]
    pub entry: Entry,
}

/// What the run changes, by identity and not only by name: app ids, hosts and names of databases,
/// buckets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub name: String,
    pub identity: BTreeMap<String, String>,
}

/// The flags that the run began with, so that it can be resumed with the same flags.
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
    /// The digest of the approved plan, if the run has a plan.
    pub plan_digest: Option<String>,
    pub tool_version: String,
    #[serde(flatten)]
    pub operator: Operator,
    pub flags: Flags,
    pub steps: Vec<RecordedStep>,
    pub left_out: Vec<String>,
}

/// How a step finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Done,
    /// The destination was already in this state before the step did anything.
    AlreadySo,
    Warning,
}

/// How a run or its rollback ended.
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
    /// An operator resumes the run.
    Resumed {
        #[serde(flatten)]
        operator: Operator,
        tool_version: String,
        /// The flags that were added or changed.
        flags: Flags,
        left_out: Vec<String>,
    },
    /// The guard checked the destination right before a change.
    Guarded {
        step: String,
        evidence: Evidence,
    },
    /// The act begins. Without this line the act never ran.
    StepStarted {
        step: String,
        attempt: u32,
    },
    /// The step is about to request a remote job.
    Intent {
        step: String,
        name: String,
        details: Value,
    },
    /// The remote job exists and has this identifier.
    External {
        step: String,
        name: String,
        id: String,
    },
    /// The remote job ended, or never existed. The next job with this name is a new one.
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
    /// The act ended and is not verified yet.
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
    /// The attempt changed nothing, because its request was refused as a whole. `StepFailed`
    /// follows. A reader that ignores this line assumes that the step may have acted.
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
    /// The user skips the step's stage.
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
        /// What continues elsewhere without bcops.
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
    /// The step is not put back.
    UndoSkipped {
        step: String,
        reason: String,
        hint: Option<String>,
    },
    RollbackFinished {
        status: EndStatus,
        /// The steps that were not put back.
        left: Vec<String>,
    },
    #[serde(other)]
    Unknown,
}

/// A consumer of the stream. It is called after the record is on disk in the journal.
pub trait Consumer: Send + Sync {
    fn take(&self, record: &Record);
}
