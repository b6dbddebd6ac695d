//! Keeps the runs of this machine: a folder each, with the journal and the lock, under `runs` in
//! the state folder.

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::essence::Essence;
use super::folder_lock::FolderLock;
use super::history::{History, Standing};
use super::journal::{FILE_NAME, Journal, JournalError};
use super::run_id::RunId;
use crate::failure::{CommandError, FailureKind};
use crate::private_folder;
use crate::words::did_you_mean;

#[derive(Debug, Error)]
pub enum StoreError {
    #[error("cannot use the folder of runs {}", .path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("there is no run {given}")]
    Unknown { given: String, likely: Option<String> },
    #[error("{given} matches several runs: {}", names(.matches))]
    Ambiguous { given: String, matches: Vec<RunId> },
    #[error("cannot use the run {run}: another process on this machine is working on it")]
    Busy { run: RunId },
    #[error("cannot use the run {run}")]
    Journal { run: RunId, source: JournalError },
}

fn names(runs: &[RunId]) -> String {
    runs.iter().map(RunId::as_str).collect::<Vec<_>>().join(", ")
}

/// The folder of runs.
#[derive(Debug, Clone)]
pub struct Runs {
    folder: PathBuf,
}

/// A run's folder, with the right to write to it.
#[derive(Debug)]
pub struct RunFolder {
    pub id: RunId,
    pub path: PathBuf,
    _lock: FolderLock,
}

impl RunFolder {
    /// Removes the folder of a run that has done nothing.
    pub(super) fn discard(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }
}

/// The state of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum RunState {
    Running,
    /// The run was killed or interrupted.
    Stopped,
    Failed {
        step: String,
        message: String,
    },
    /// A person has to decide.
    Waiting {
        question: String,
        flag: String,
    },
    Done {
        warnings: bool,
    },
    /// A rollback has begun and is not complete.
    RollingBack,
    RolledBack,
    /// The journal cannot be read.
    Unreadable {
        message: String,
    },
}

impl RunState {
    pub fn name(&self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Stopped => "stopped",
            RunState::Failed { .. } => "failed",
            RunState::Waiting { .. } => "waiting",
            RunState::Done { .. } => "done",
            RunState::RollingBack => "rolling-back",
            RunState::RolledBack => "rolled-back",
            RunState::Unreadable { .. } => "unreadable",
        }
    }

    pub fn can_be_resumed(&self) -> bool {
        matches!(self, RunState::Stopped | RunState::Failed { .. } | RunState::Waiting { .. })
    }

    fn of(standing: Standing) -> Self {
        match standing {
            Standing::Open | Standing::Interrupted => RunState::Stopped,
            Standing::Failed { step, message } => RunState::Failed { step, message },
            Standing::Waiting { question, flag } => RunState::Waiting { question, flag },
            Standing::Done { warnings } => RunState::Done { warnings },
            Standing::RollingBack => RunState::RollingBack,
            Standing::RolledBack => RunState::RolledBack,
        }
    }
}

/// A run in a list.
#[derive(Debug, Clone)]
pub struct RunSummary {
    pub id: RunId,
    pub state: RunState,
    pub command: String,
    pub target: String,
    pub who: String,
    pub started_at: Option<jiff::Timestamp>,
    pub last_at: Option<jiff::Timestamp>,
}

impl Runs {
    pub fn in_state_folder(state: &Path) -> Self {
        Runs { folder: state.join("runs") }
    }

    pub fn path(&self, id: &RunId) -> PathBuf {
        self.folder.join(id.as_str())
    }

    /// Makes the folder of a new run. Only the user can read it.
    pub fn create(&self) -> Result<RunFolder, StoreError> {
        let fail = |source| StoreError::Folder { path: self.folder.clone(), source };
        let private = |recursive| {
            let mut builder = DirBuilder::new();
            builder.mode(0o700).recursive(recursive);
            builder
        };
        private(true).create(&self.folder).map_err(fail)?;
        loop {
            let id = RunId::new(jiff::Timestamp::now());
            let path = self.path(&id);
            match private(false).create(&path) {
                Ok(()) => {
                    private_folder::sync_name(&path).map_err(fail)?;
                    return self.take(id);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(fail(error)),
            }
        }
    }

    /// Makes a run of another machine a run of this one, from the essence that its lock carries.
    pub fn adopt(&self, id: &RunId, essence: &Essence) -> Result<(), StoreError> {
        let fail = |source| StoreError::Folder { path: self.folder.clone(), source };
        let mut text = Vec::new();
        for record in essence.records() {
            serde_json::to_writer(&mut text, record).map_err(io::Error::from).map_err(fail)?;
            text.push(b'\n');
        }
        let mut builder = DirBuilder::new();
        let path = self.path(id);
        builder.mode(0o700).recursive(true).create(&path).map_err(fail)?;
        let file = path.join(FILE_NAME);
        // A journal that cannot be read, or has no complete line, is kept beside the new one.
        match fs::rename(&file, path.join("journal.damaged")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
            _ => {}
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let written = options.open(&file).and_then(|mut open| {
            open.write_all(&text)?;
            open.sync_all()?;
            private_folder::sync_name(&file)
        });
        written.map_err(fail)
    }

    /// Takes the right to continue a run.
    pub fn take(&self, id: RunId) -> Result<RunFolder, StoreError> {
        let path = self.path(&id);
        match FolderLock::take(&path) {
            Ok(Some(lock)) => Ok(RunFolder { id, path, _lock: lock }),
            Ok(None) => Err(StoreError::Busy { run: id }),
            Err(source) => Err(StoreError::Folder { path, source }),
        }
    }

    pub fn journal(&self, id: &RunId) -> Result<Journal, StoreError> {
        Journal::read(&self.path(id).join(FILE_NAME))
            .map_err(|source| StoreError::Journal { run: id.clone(), source })
    }

    /// The names of all runs, the newest first.
    pub fn names(&self) -> Result<Vec<RunId>, StoreError> {
        let fail = |source| StoreError::Folder { path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(fail)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(fail)?.file_name();
            names.extend(name.to_str().and_then(RunId::parse));
        }
        names.sort_by(|one, other| other.cmp(one));
        Ok(names)
    }

    /// All runs, the newest first. An unreadable run is listed as unreadable.
    pub fn list(&self) -> Result<Vec<RunSummary>, StoreError> {
        Ok(self.names()?.into_iter().map(|id| self.summary(id)).collect())
    }

    pub fn summary(&self, id: RunId) -> RunSummary {
        let read = self.journal(&id).map(|journal| History::of(journal.records()));
        let history = read.as_ref().ok().cloned().unwrap_or_default();
        let state = match (FolderLock::is_taken(&self.path(&id)), read) {
            (Ok(true), _) => RunState::Running,
            (_, Ok(history)) => RunState::of(history.standing),
            (_, Err(error)) => RunState::Unreadable { message: error.to_string() },
        };
        let started = history.started;
        let text = |get: fn(&super::entry::RunStarted) -> &String| {
            started.as_ref().map(get).cloned().unwrap_or_default()
        };
        RunSummary {
            state,
            command: text(|started| &started.command),
            target: text(|started| &started.target.name),
            who: text(|started| &started.operator.who),
            started_at: id.started_at(),
            last_at: history.last_at,
            id,
        }
    }

    /// The one run whose name begins with the given text.
    pub fn find(&self, given: &str) -> Result<RunId, StoreError> {
        let mut matches = self.names()?;
        let likely = did_you_mean(given, matches.iter().map(RunId::as_str));
        matches.retain(|name| !given.is_empty() && name.as_str().starts_with(given));
        match matches.as_slice() {
            [] => Err(StoreError::Unknown { given: given.to_owned(), likely }),
            [one] => Ok(one.clone()),
            _ => Err(StoreError::Ambiguous { given: given.to_owned(), matches }),
        }
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unknown { ref likely, .. } => {
                let likely = likely.clone();
                let error = CommandError::wrap(FailureKind::Usage, error).with_hints(likely);
                error.hint("bcops runs list")
            }
            StoreError::Ambiguous { .. } => {
                CommandError::wrap(FailureKind::Usage, error).hint("bcops runs list")
            }
            StoreError::Busy { ref run } => {
                let hint = format!("see how far it is: bcops runs show {run}");
                CommandError::wrap(FailureKind::Locked, error).hint(hint)
            }
            StoreError::Folder { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("point BCOPS_STATE_DIR at a folder that you can write to"),
            StoreError::Journal { source, .. } => source.into(),
        }
    }
}
