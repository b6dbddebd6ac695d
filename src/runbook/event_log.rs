//! Passes each event of a run on: cleaned of secrets, then to the journal on disk, then to the
//! other consumers.

use std::sync::{Arc, Mutex, PoisonError};

use super::entry::{Consumer, Entry, Record};
use super::history::History;
use super::journal::{JournalError, Writer};
use super::redact::Redactor;

/// Fields that hold the engine's own names and no text from elsewhere. Identifiers of remote jobs
/// are among them: those that look like a secret are refused before they get here.
const STRUCTURE: [&str; 14] = [
    "event",
    "step",
    "name",
    "key",
    "id",
    "kind",
    "ending",
    "status",
    "run",
    "command",
    "steps",
    "left_out",
    "left",
    "tool_version",
];

/// The journal, followed by all other consumers.
pub struct EventLog {
    inner: Mutex<Inner>,
    consumers: Vec<Box<dyn Consumer>>,
    redactor: Arc<Redactor>,
}

struct Inner {
    writer: Writer,
    history: History,
}

impl EventLog {
    pub fn new(
        writer: Writer,
        history: History,
        consumers: Vec<Box<dyn Consumer>>,
        redactor: Arc<Redactor>,
    ) -> Self {
        EventLog { inner: Mutex::new(Inner { writer, history }), consumers, redactor }
    }

    pub fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }

    /// Records a transition. When this returns, the record is on disk.
    pub fn record(&self, entry: Entry) -> Result<(), JournalError> {
        let entry = self.clean(entry)?;
        let record: Record;
        {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            record = inner.writer.append(entry)?;
            inner.history.apply(&record);
        }
        for consumer in &self.consumers {
            consumer.take(&record);
        }
        Ok(())
    }

    /// Asks the history of the run so far.
    pub fn history<T>(&self, ask: impl FnOnce(&History) -> T) -> T {
        ask(&self.inner.lock().unwrap_or_else(PoisonError::into_inner).history)
    }

    /// The last defence against secrets: every free text of an entry is cleaned. The engine's own
    /// names are not, because a short password that is also a word in the name of a step would make
    /// the journal unreadable.
    fn clean(&self, entry: Entry) -> Result<Entry, JournalError> {
        let unclean = |source| JournalError::Unclean { source };
        let mut value = serde_json::to_value(&entry).map_err(unclean)?;
        if !self.redactor.finds_in_value(&value) {
            return Ok(entry);
        }
        for (name, part) in value.as_object_mut().into_iter().flatten() {
            if !STRUCTURE.contains(&name.as_str()) {
                *part = self.redactor.clean_value(part.take());
            }
        }
        serde_json::from_value(value).map_err(unclean)
    }
}
