//! Computes from a journal what has happened, step by step.
//!
//! The history consumes the same stream as everything else. A resumed run feeds it the records of
//! the journal, and a running one feeds it each new record. The engine decides by it alone, so a
//! resumed run and an uninterrupted one know the same.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::entry::{EndStatus, Ending, Entry, Flags, Record, RunStarted};
use super::evidence::Evidence;
use super::values::ValueKey;

/// The progress of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Phase {
    #[default]
    Ahead,
    /// The act began. It is not known whether it ended.
    UnderWay,
    /// The act ended and is not verified yet.
    Acted {
        ending: Ending,
        evidence: Evidence,
    },
    Failed {
        kind: String,
        message: String,
        hints: Vec<String>,
    },
    Finished {
        ending: Ending,
        evidence: Evidence,
        verified: Evidence,
    },
    Skipped {
        reason: String,
        evidence: Evidence,
    },
    LeftOut {
        reason: String,
    },
}

/// The progress of putting a step back.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum UndoPhase {
    #[default]
    NotBegun,
    UnderWay,
    Undone {
        evidence: Evidence,
        verified: Evidence,
    },
    Failed {
        message: String,
        hints: Vec<String>,
    },
    /// The step is not put back.
    Left {
        reason: String,
    },
}

/// A remote job that a step requested, or was about to request.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// No job was requested, or the last one is settled.
    None,
    /// The step was about to request the job at this time, and the answer is not known. Look for
    /// the job in the list of jobs before you request another one.
    Asked { details: Value, at: jiff::Timestamp },
    /// The job exists and has this identifier.
    Known { id: String },
}

/// What is known about one step.
#[derive(Debug, Clone, Default)]
pub struct StepHistory {
    pub phase: Phase,
    pub undo: UndoPhase,
    pub attempts: u32,
    /// Whether the step may have changed something.
    pub may_have_acted: bool,
    /// Whether an act before the latest attempt may have changed something.
    had_perhaps_acted: bool,
    pub warnings: Vec<String>,
    pub undo_hint: Option<String>,
    pub seconds: f64,
    jobs: BTreeMap<String, Job>,
}

impl StepHistory {
    pub fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished { .. })
    }

    /// Whether the run has nothing more to do for the step.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Finished { .. } | Phase::Skipped { .. } | Phase::LeftOut { .. })
    }

    pub fn is_undone(&self) -> bool {
        matches!(self.undo, UndoPhase::Undone { .. })
    }

    pub fn job(&self, name: &str) -> Job {
        self.jobs.get(name).cloned().unwrap_or(Job::None)
    }
}

/// The state of the run as a whole.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// The journal has no end: the run is running, or was killed.
    Open,
    Failed {
        step: String,
        message: String,
    },
    Waiting {
        question: String,
        flag: String,
    },
    Interrupted,
    Done {
        warnings: bool,
    },
    /// A rollback has begun, and is not complete.
    RollingBack,
    RolledBack,
}

/// Everything that a journal says about its run.
#[derive(Debug, Clone)]
pub struct History {
    pub started: Option<RunStarted>,
    pub standing: Standing,
    /// The flags of the beginning, overridden by those of every resumption.
    pub flags: Flags,
    pub left_out: Vec<String>,
    pub resumptions: u32,
    pub last_at: Option<jiff::Timestamp>,
    steps: BTreeMap<String, StepHistory>,
    values: BTreeMap<String, Value>,
    /// When each value was last recorded.
    values_at: BTreeMap<String, jiff::Timestamp>,
}

impl Default for History {
    fn default() -> Self {
        History {
            started: None,
            standing: Standing::Open,
            flags: Flags::new(),
            left_out: Vec::new(),
            resumptions: 0,
            last_at: None,
            steps: BTreeMap::new(),
            values: BTreeMap::new(),
            values_at: BTreeMap::new(),
        }
    }
}

impl History {
    pub fn of(records: &[Record]) -> Self {
        let mut history = History::default();
        for record in records {
            history.apply(record);
        }
        history
    }

    pub fn step(&self, id: &str) -> StepHistory {
        self.steps.get(id).cloned().unwrap_or_default()
    }

    pub fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// A value by its typed key. A value that cannot be read counts as missing.
    pub fn get<T: DeserializeOwned>(&self, key: &ValueKey<T>) -> Option<T> {
        serde_json::from_value(self.value(key.name())?.clone()).ok()
    }

    /// When the value was last recorded.
    pub fn value_at(&self, key: &str) -> Option<jiff::Timestamp> {
        self.values_at.get(key).copied()
    }

    /// Whether the run itself has ended. A later failure belongs to a rollback, or to the
    /// precaution before a rollback, and does not change the run's own state.
    fn has_ended(&self) -> bool {
        matches!(self.standing, Standing::Done { .. }) || self.rollback_has_begun()
    }

    pub fn rollback_has_begun(&self) -> bool {
        matches!(self.standing, Standing::RollingBack | Standing::RolledBack)
    }

    pub fn apply(&mut self, record: &Record) {
        self.last_at = Some(record.at);
        self.apply_to_run(&record.entry);
        if let Entry::Value { key, .. } = &record.entry {
            self.values_at.insert(key.clone(), record.at);
        }
        if let Some(id) = step_of(&record.entry) {
            let step = self.steps.entry(id.to_owned()).or_default();
            apply_to_step(step, record);
        }
    }

    fn apply_to_run(&mut self, entry: &Entry) {
        match entry {
            Entry::RunStarted(started) => {
                self.flags = started.flags.clone();
                self.left_out = started.left_out.clone();
                self.started = Some((**started).clone());
            }
            Entry::Resumed { flags, left_out, .. } => {
                self.flags.extend(flags.clone());
                self.left_out = left_out.clone();
                self.resumptions += 1;
                self.standing = Standing::Open;
            }
            Entry::Value { key, value, .. } => {
                self.values.insert(key.clone(), value.clone());
            }
            Entry::StepFailed { step, message, .. } if !self.has_ended() => {
                self.standing = Standing::Failed { step: step.clone(), message: message.clone() };
            }
            Entry::NeedsDecision { question, flag, .. } if !self.has_ended() => {
                self.standing =
                    Standing::Waiting { question: question.clone(), flag: flag.clone() };
            }
            Entry::Interrupted { .. } if !self.has_ended() => {
                self.standing = Standing::Interrupted;
            }
            Entry::RunFinished { status } => {
                let warnings = *status == EndStatus::DoneWithWarnings;
                self.standing = Standing::Done { warnings };
            }
            Entry::RollbackStarted { .. } => self.standing = Standing::RollingBack,
            Entry::RollbackFinished { status: EndStatus::RolledBack, .. } => {
                self.standing = Standing::RolledBack;
            }
            _ => {}
        }
    }
}

fn apply_to_step(step: &mut StepHistory, record: &Record) {
    match &record.entry {
        Entry::StepStarted { attempt, .. } => {
            step.attempts = *attempt;
            step.phase = Phase::UnderWay;
            step.had_perhaps_acted = step.may_have_acted;
            step.may_have_acted = true;
            // A step that was put back and runs again has to be put back again.
            step.undo = UndoPhase::NotBegun;
        }
        Entry::StepActed { ending, evidence, warnings, .. } => {
            step.warnings.extend(warnings.iter().cloned());
            step.phase = Phase::Acted { ending: *ending, evidence: evidence.clone() };
        }
        Entry::StepFinished {
            ending, evidence, verified, warnings, undo_hint, seconds, ..
        } => {
            step.warnings.extend(warnings.iter().cloned());
            step.undo_hint = undo_hint.clone();
            step.seconds += seconds;
            step.phase = Phase::Finished {
                ending: *ending,
                evidence: evidence.clone(),
                verified: verified.clone(),
            };
        }
        Entry::StepFailed { kind, message, hints, warnings, undo_hint, seconds, .. } => {
            step.warnings.extend(warnings.iter().cloned());
            step.undo_hint = undo_hint.clone();
            step.seconds += seconds;
            step.phase = Phase::Failed {
                kind: kind.clone(),
                message: message.clone(),
                hints: hints.clone(),
            };
        }
        Entry::Skipped { reason, evidence, warnings, .. } => {
            step.warnings.extend(warnings.iter().cloned());
            // This attempt did nothing.
            step.may_have_acted = step.had_perhaps_acted;
            step.phase = Phase::Skipped { reason: reason.clone(), evidence: evidence.clone() };
        }
        Entry::Untouched { .. } => step.may_have_acted = step.had_perhaps_acted,
        Entry::LeftOut { reason, .. } => step.phase = Phase::LeftOut { reason: reason.clone() },
        Entry::Intent { name, details, .. } => {
            let job = Job::Asked { details: details.clone(), at: record.at };
            step.jobs.insert(name.clone(), job);
        }
        Entry::External { name, id, .. } => {
            step.jobs.insert(name.clone(), Job::Known { id: id.clone() });
        }
        Entry::Settled { name, .. } => {
            step.jobs.remove(name);
        }
        entry => apply_to_undo(step, entry),
    }
}

fn apply_to_undo(step: &mut StepHistory, entry: &Entry) {
    match entry {
        Entry::UndoStarted { .. } => step.undo = UndoPhase::UnderWay,
        Entry::StepUndone { evidence, verified, warnings, .. } => {
            step.warnings.extend(warnings.iter().cloned());
            step.undo =
                UndoPhase::Undone { evidence: evidence.clone(), verified: verified.clone() };
        }
        Entry::UndoFailed { message, hints, warnings, .. } => {
            step.warnings.extend(warnings.iter().cloned());
            step.undo = UndoPhase::Failed { message: message.clone(), hints: hints.clone() };
        }
        Entry::UndoSkipped { reason, .. } => {
            step.undo = UndoPhase::Left { reason: reason.clone() };
        }
        _ => {}
    }
}

/// The step that an entry is about.
pub(super) fn step_of(entry: &Entry) -> Option<&str> {
    match entry {
        Entry::Guarded { step, .. }
        | Entry::StepStarted { step, .. }
        | Entry::Intent { step, .. }
        | Entry::External { step, .. }
        | Entry::Settled { step, .. }
        | Entry::Value { step, .. }
        | Entry::StepActed { step, .. }
        | Entry::StepFinished { step, .. }
        | Entry::Untouched { step }
        | Entry::StepFailed { step, .. }
        | Entry::Skipped { step, .. }
        | Entry::LeftOut { step, .. }
        | Entry::NeedsDecision { step, .. }
        | Entry::UndoStarted { step }
        | Entry::StepUndone { step, .. }
        | Entry::UndoFailed { step, .. }
        | Entry::UndoSkipped { step, .. } => Some(step),
        Entry::Interrupted { step, .. } => step.as_deref(),
        Entry::RunStarted(_)
        | Entry::Resumed { .. }
        | Entry::RunFinished { .. }
        | Entry::RollbackStarted { .. }
        | Entry::RollbackFinished { .. }
        | Entry::Unknown => None,
    }
}
