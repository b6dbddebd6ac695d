//! Reads and writes the journal of a run: one line of JSON per transition, appended in one write,
//! and on disk before the run continues.
//!
//! A process can be killed in the middle of a write. Text after the last newline is therefore not
//! part of the journal, because the run did nothing after it. That text is cut off before the next
//! line is written.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use super::entry::{Entry, Record, RunStarted, SCHEMA_VERSION, Target};
use crate::failure::{CommandError, FailureKind};
use crate::private_folder;

/// The name of the file in the run's folder.
pub const FILE_NAME: &str = "journal.jsonl";

#[derive(Debug, Error)]
pub enum JournalError {
    #[error("cannot write the journal {}", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read the journal {}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot continue without the journal: an earlier write to it failed")]
    Broken,
    #[error("cannot remove the secrets from a line of the journal")]
    Unclean { source: serde_json::Error },
    #[error("cannot read the journal: line {line} is damaged")]
    Damaged { line: usize, source: serde_json::Error },
    #[error("cannot read the journal: line {line} has the number {found} instead of {expected}")]
    Gap { line: usize, found: u64, expected: u64 },
    #[error(
        "cannot read the journal: a newer bcops wrote it (schema version {found}, this bcops reads {SCHEMA_VERSION})"
    )]
    Version { found: u64 },
    #[error("cannot read the journal: its first line is not the beginning of a run")]
    NoBeginning,
    #[error("the run belongs to another target: {}", differences.join("; "))]
    OtherTarget { differences: Vec<String> },
}

/// The content of a journal.
#[derive(Debug, Clone)]
pub struct Journal {
    records: Vec<Record>,
    /// How many bytes the complete lines have.
    whole: u64,
}

/// The part of a line that is read before its version is known.
#[derive(Deserialize)]
struct Version {
    schema_version: u64,
}

impl Journal {
    pub fn read(path: &Path) -> Result<Self, JournalError> {
        let fail = |source| JournalError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(fail)?;
        Journal::parse(&bytes)
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, JournalError> {
        let mut records = Vec::new();
        let mut whole = 0;
        for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
            if !line.ends_with(b"\n") {
                break;
            }
            records.push(parse_line(line, index + 1)?);
            whole += line.len() as u64;
        }
        Ok(Journal { records, whole })
    }

    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// How the run began. A process that was killed before it wrote this line has done nothing.
    pub fn beginning(&self) -> Result<&RunStarted, JournalError> {
        match self.records.first().map(|record| &record.entry) {
            Some(Entry::RunStarted(started)) => Ok(started),
            _ => Err(JournalError::NoBeginning),
        }
    }

    /// Refuses a run whose target differs from the present configuration. A resource that the run
    /// no longer uses, such as a bucket where media are skipped, may be missing from `target`.
    pub fn check_target(&self, target: &Target) -> Result<(), JournalError> {
        let began = &self.beginning()?.target;
        let mut differences = Vec::new();
        if began.name != target.name {
            differences.push(format!("it was {} and is {}", began.name, target.name));
        }
        for name in target.identity.keys() {
            let (was, is) = (began.identity.get(name), target.identity.get(name));
            if is.is_some() && was != is {
                let shown = |value: Option<&String>| value.cloned().unwrap_or("unknown".into());
                differences.push(format!("{name} was {} and is {}", shown(was), shown(is)));
            }
        }
        if differences.is_empty() { Ok(()) } else { Err(JournalError::OtherTarget { differences }) }
    }
}

fn parse_line(line: &[u8], number: usize) -> Result<Record, JournalError> {
    let damaged = |source| JournalError::Damaged { line: number, source };
    let Version { schema_version } = serde_json::from_slice(line).map_err(damaged)?;
    if schema_version != u64::from(SCHEMA_VERSION) {
        return Err(JournalError::Version { found: schema_version });
    }
    let record: Record = serde_json::from_slice(line).map_err(damaged)?;
    let expected = number as u64;
    if record.sequence != expected {
        return Err(JournalError::Gap { line: number, found: record.sequence, expected });
    }
    Ok(record)
}

/// A place that keeps lines safely.
pub trait Durable: Send {
    /// Appends a line. When this returns, the line survives a power cut.
    fn append(&mut self, line: &[u8]) -> io::Result<()>;
}

/// Appends to a journal.
pub struct Writer {
    path: PathBuf,
    sink: Box<dyn Durable>,
    next: u64,
    /// Set after a failed write, because the end of the file is then not known.
    broken: bool,
}

impl Writer {
    /// Begins a journal in a folder that no other process uses.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let fail = |source| JournalError::Write { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.create_new(true).append(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(fail)?;
        // Without this, a power cut could lose the file's name, and the run with it.
        private_folder::sync_name(path).map_err(fail)?;
        Ok(Writer::to(path, Box::new(file), 1))
    }

    /// Continues a journal after its last complete line.
    pub fn append_to(path: &Path, journal: &Journal) -> Result<Self, JournalError> {
        let fail = |source| JournalError::Write { path: path.to_owned(), source };
        let file = OpenOptions::new().append(true).open(path).map_err(fail)?;
        file.set_len(journal.whole).and_then(|()| file.sync_all()).map_err(fail)?;
        Ok(Writer::to(path, Box::new(file), journal.records.len() as u64 + 1))
    }

    /// Writes to something other than a file.
    pub fn to(path: &Path, sink: Box<dyn Durable>, next: u64) -> Self {
        Writer { path: path.to_owned(), sink, next, broken: false }
    }

    /// Appends a transition. When this returns, it is on disk.
    pub fn append(&mut self, entry: Entry) -> Result<Record, JournalError> {
        if self.broken {
            return Err(JournalError::Broken);
        }
        let record = Record {
            schema_version: SCHEMA_VERSION,
            sequence: self.next,
            at: jiff::Timestamp::now(),
            entry,
        };
        let written = serde_json::to_vec(&record).map_err(io::Error::other).and_then(|mut line| {
            line.push(b'\n');
            self.sink.append(&line)
        });
        if let Err(source) = written {
            self.broken = true;
            return Err(JournalError::Write { path: self.path.clone(), source });
        }
        self.next += 1;
        Ok(record)
    }
}

impl Durable for File {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.write_all(line)?;
        self.sync_data()
    }
}

impl From<JournalError> for CommandError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::OtherTarget { .. } => CommandError::wrap(FailureKind::Refused, error)
                .hint("use the configuration that the run began with: bcops config show"),
            JournalError::Version { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("use the bcops that began the run"),
            JournalError::Write { .. } | JournalError::Read { .. } | JournalError::Broken => {
                CommandError::wrap(FailureKind::Unexpected, error)
                    .hint("check the state folder and the free space on its disk: bcops doctor")
            }
            JournalError::Unclean { .. }
            | JournalError::Damaged { .. }
            | JournalError::Gap { .. }
            | JournalError::NoBeginning => CommandError::wrap(FailureKind::Unexpected, error),
        }
    }
}
