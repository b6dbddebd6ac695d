//! Selects what the lock carries of a journal: enough for another machine to roll the run back
//! without the journal, and nothing that names a person or may hold a secret.
//!
//! The selection is a list of what is allowed. Of the values that steps found, only those declared
//! as shared are kept ([`ValueKey::shared`](super::ValueKey)). Evidence, warnings and messages are
//! not kept.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::entry::{Entry, Record};
use super::evidence::Evidence;
use super::run_id::RunId;

/// Flags that name people. A rollback needs none of them.
const FLAGS_THAT_NAME_PEOPLE: [&str; 1] = ["recreate_users"];

/// The records of a run, without what must stay on its own machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Essence {
    records: Vec<Record>,
}

// A record is not `Eq` because of its durations, and an essence has no durations.
impl Eq for Essence {}

impl Essence {
    /// Selects from `records`. `shared` are the names of the values that may be kept.
    pub fn of(records: &[Record], shared: &[&str]) -> Self {
        let mut essence = Essence::default();
        for record in records {
            essence.take(record, shared);
        }
        essence
    }

    /// Adds a record if it is essential. Returns whether the essence has changed.
    pub fn take(&mut self, record: &Record, shared: &[&str]) -> bool {
        let Some(entry) = essential(&record.entry, shared) else { return false };
        let sequence = self.records.len() as u64 + 1;
        self.records.push(Record { sequence, entry, ..record.clone() });
        true
    }

    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether the essence belongs to this run and has its beginning.
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
            message: "see the report on the machine that started the run".to_owned(),
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
    for name in FLAGS_THAT_NAME_PEOPLE {
        if let Some(value) = flags.get_mut(name) {
            *value = Value::Array(Vec::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::History;
    use crate::runbook::journal::Journal;

    fn journal(lines: &[&str]) -> Journal {
        let number = |(index, line): (usize, &&str)| {
            let head = format!(
                r#"{{"schema_version":1,"sequence":{},"at":"2026-11-22T20:15:30Z","#,
                index + 1
            );
            format!("{head}{line}}}\n")
        };
        let text: String = lines.iter().enumerate().map(number).collect();
        Journal::parse(text.as_bytes()).unwrap()
    }

    const STARTED: &str = r#""event":"run_started","run":"r20261122-201530-4f2a",
        "command":"reset","target":{"name":"app","identity":{}},"plan_digest":null,
        "tool_version":"1","who":"ada","host":"desk","pid":1,
        "flags":{"recreate_users":["ada@example.test"],"branches":["a"]},"steps":[],"left_out":[]"#;

    #[test]
    fn an_essence_says_how_far_steps_are_and_names_no_person() {
        let started = STARTED.replace('\n', "");
        let journal = journal(&[
            &started,
            r#""event":"step_started","step":"load","attempt":1"#,
            r#""event":"value","step":"load","key":"accounts","value":["secret.person"]"#,
            r#""event":"value","step":"load","key":"backup","value":"b002""#,
            r#""event":"guarded","step":"load","evidence":{}"#,
            r#""event":"step_failed","step":"load","kind":"unexpected","message":"secret.person",
               "hints":[],"warnings":["secret.person"],"undo_hint":null,"seconds":1.0"#
                .replace('\n', "")
                .as_str(),
        ]);
        let essence = Essence::of(journal.records(), &["backup"]);
        let text = serde_json::to_string(&essence).unwrap();
        for name in ["secret.person", "ada@example.test", "guarded"] {
            assert!(!text.contains(name), "{text}");
        }
        // The essence can be read as a journal.
        let lines: Vec<String> = essence
            .records()
            .iter()
            .map(|one| serde_json::to_string(one).unwrap() + "\n")
            .collect();
        let read = Journal::parse(lines.concat().as_bytes()).unwrap();
        let history = History::of(read.records());
        assert!(history.step("load").may_have_acted && !history.step("load").is_finished());
        assert_eq!(history.value("backup"), Some(&Value::from("b002")));
        assert_eq!(history.flags["recreate_users"], Value::Array(Vec::new()));
        assert!(essence.is_of(&RunId::parse("r20261122-201530-4f2a").unwrap()));
        assert!(!essence.is_of(&RunId::parse("r20261122-201530-0000").unwrap()));
    }
}
