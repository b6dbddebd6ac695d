//! Where the stream of a run passes: cleaned, then to the disk, then to everybody else.

use std::sync::{Arc, Mutex, PoisonError};

use super::entry::{Consumer, Entry, Record};
use super::history::History;
use super::journal::{JournalError, Writer};
use super::redact::Redactor;

/// Fields that hold names of the engine's own and no text from elsewhere. The identifiers of remote
/// jobs among them are refused before they get here if they look like a secret.
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

/// The journal with all other consumers behind it.
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

    /// Puts a transition on record. When this returns, it is on the disk.
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

    /// Asks what has happened so far.
    pub fn history<T>(&self, ask: impl FnOnce(&History) -> T) -> T {
        ask(&self.inner.lock().unwrap_or_else(PoisonError::into_inner).history)
    }

    /// The last net under all others: no free text of any entry passes uncleaned. Names that the
    /// engine goes by are left alone, or a short password that is also a word in the name of a step
    /// would make the journal unreadable.
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
