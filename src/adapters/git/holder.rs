//! Describes who holds the lock of a branch, as written in the lock.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) const VERSION: u32 = 1;

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub version: u32,
    /// The person's user name on their machine.
    pub who: String,
    pub host: String,
    /// The process on that host. 0 if unknown.
    #[serde(default)]
    pub process: u32,
    pub run: String,
    pub command: String,
    /// When the lock was taken.
    pub since: Timestamp,
    /// When the run last refreshed the lock.
    pub refreshed: Timestamp,
    /// Distinguishes the process from a later one with the same number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_beginning: Option<String>,
    /// The state that the run found before it changed anything, for a person who reads the lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The parts of the run's journal that another machine needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<Value>,
}

impl Holder {
    pub fn new(who: &str, host: &str, run: &str, command: &str, now: Timestamp) -> Holder {
        Holder {
            version: VERSION,
            who: who.to_owned(),
            host: host.to_owned(),
            process: 0,
            run: run.to_owned(),
            command: command.to_owned(),
            since: now,
            refreshed: now,
            process_beginning: None,
            before: None,
            journal: None,
        }
    }

    pub fn with_process(self, process: u32) -> Holder {
        Holder { process, ..self }
    }

    /// Whether both were written by the same process of the same run.
    pub fn is_same_process(&self, other: &Holder) -> bool {
        let of = |one: &Holder| (one.run.clone(), one.host.clone(), one.process);
        let is_same_start = match (&self.process_beginning, &other.process_beginning) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        of(self) == of(other) && is_same_start
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Holder { who, host, run, command, since, refreshed, .. } = self;
        write!(f, "{who} on {host} since {since:.0} (run {run}, `{command}`, ")?;
        write!(f, "last heard of {refreshed:.0})")
    }
}
