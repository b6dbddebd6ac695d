//! What of a journal is kept with the lock: enough for another machine to put the run back without
//! the journal, and nothing that names a person or may hold a secret.
//!
//! It is a list of the good. Of what steps found, only the values that were declared shared are
//! kept ([`ValueKey::shared`](super::ValueKey)); evidence, warnings and messages are not.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::entry::{Entry, Record};
use super::evidence::Evidence;
use super::run_id::RunId;

/// Flags that name people. Whoever puts a run back needs none of them.
const WITHOUT: [&str; 1] = ["recreate_users"];

/// The records of a run without what only its own machine may know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Essence {
    records: Vec<Record>,
}

// A record is not `Eq` because of its durations, which are left out here.
impl Eq for Essence {}

impl Essence {
    /// `shared` are the names of the values that may be kept.
    pub fn of(records: &[Record], shared: &[&str]) -> Self {
        let mut essence = Essence::default();
        for record in records {
            essence.take(record, shared);
        }
        essence
    }

    /// Takes a record in. Gives whether the essence has changed.
    pub fn take(&mut self, record: &Record, shared: &[&str]) -> bool {
        let Some(entry) = essential(&record.entry, shared) else { return false };
        let sequence = self.records.len() as u64 + 1;
        self.records.push(Record { sequence, entry, ..record.clone() });
        true
    }

    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether it is that of this run, from its beginning.
    pub fn is_of(&self, run: &RunId) -> bool {
        let first = self.records.first().map(|record| &record.entry);
        matches!(first, Some(Entry::RunStarted(started)) if started.run == *run)
    }
}

fn essential(entry: &Entry, shared: &[&str]) -> Option<Entry> {
    let kept = match entry {
        Entry::RunStarted(started) => {
            let mut started = started.clone();
            blank(&mut started.flags);
            Entry::RunStarted(started)
        }
        Entry::Resumed { operator, tool_version, flags, left_out } => {
            let mut flags = flags.clone();
            blank(&mut flags);
            Entry::Resumed {
                operator: operator.clone(),
                tool_version: tool_version.clone(),
                flags,
                left_out: left_out.clone(),
            }
        }
        Entry::Value { key, .. } if shared.contains(&key.as_str()) => entry.clone(),
        Entry::StepFinished { step, ending, .. } => Entry::StepFinished {
            step: step.clone(),
            ending: *ending,
            evidence: Evidence::new(),
            verified: Evidence::new(),
            warnings: Vec::new(),
            undo_hint: None,
            seconds: 0.0,
        },
        Entry::StepFailed { step, kind, .. } => Entry::StepFailed {
            step: step.clone(),
            kind: kind.clone(),
            message: "see the report on the machine that ran it".to_owned(),
            hints: Vec::new(),
            warnings: Vec::new(),
            undo_hint: None,
            seconds: 0.0,
        },
        Entry::Skipped { step, .. } => Entry::Skipped {
            step: step.clone(),
            reason: String::new(),
            evidence: Evidence::new(),
            warnings: Vec::new(),
        },
        Entry::LeftOut { step, .. } => Entry::LeftOut { step: step.clone(), reason: String::new() },
        Entry::StepUndone { step, .. } => Entry::StepUndone {
            step: step.clone(),
            evidence: Evidence::new(),
            verified: Evidence::new(),
            warnings: Vec::new(),
            seconds: 0.0,
        },
        Entry::Interrupted { step, .. } => {
            Entry::Interrupted { step: step.clone(), goes_on: Vec::new() }
        }
        Entry::StepStarted { .. }
        | Entry::Intent { .. }
        | Entry::External { .. }
        | Entry::Settled { .. }
        | Entry::Untouched { .. }
        | Entry::RunFinished { .. }
        | Entry::RollbackStarted { .. }
        | Entry::UndoStarted { .. }
        | Entry::RollbackFinished { .. } => entry.clone(),
        Entry::Value { .. }
        | Entry::Guarded { .. }
        | Entry::StepActed { .. }
        | Entry::NeedsDecision { .. }
        | Entry::UndoFailed { .. }
        | Entry::UndoSkipped { .. }
        | Entry::Unknown => return None,
    };
    Some(kept)
}

fn blank(flags: &mut super::entry::Flags) {
    for name in WITHOUT {
        if let Some(value) = flags.get_mut(name) {
            *value = Value::Array(Vec::new());
        }
    }
}
