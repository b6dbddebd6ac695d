//! Implements a lock as a file, for test runs on a real disk that have no origin.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::private_folder;
use crate::runbook::folder_lock::flock;
use crate::runbook::{Holder, LockError, RunId, RunLock};

/// A [`RunLock`] in a file. The lock outlives the process, because a run that stopped half-way has
/// to keep it.
#[derive(Debug, Clone)]
pub struct LockFile {
    path: PathBuf,
}

impl LockFile {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        LockFile { path: path.into() }
    }

    fn unusable(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LockError {
        LockError::Unusable { place: self.path.display().to_string(), source: source.into() }
    }

    /// Reads and changes the file while no other process does. It locks a second file, because the
    /// first one is replaced as a whole.
    fn exchange<T>(
        &self,
        change: impl FnOnce(Option<Holder>) -> Result<(Option<Holder>, T), LockError>,
    ) -> Result<T, LockError> {
        let _guard = self.guard().map_err(|error| self.unusable(error))?;
        let before: Option<Holder> = match fs::read(&self.path) {
            Ok(text) => Some(serde_json::from_slice(&text).map_err(|error| self.unusable(error))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(self.unusable(error)),
        };
        let (after, result) = change(before.clone())?;
        match &after {
            after if *after == before => Ok(()),
            Some(holder) => self.replace(holder),
            None => {
                fs::remove_file(&self.path).and_then(|()| private_folder::sync_name(&self.path))
            }
        }
        .map_err(|error| self.unusable(error))?;
        Ok(result)
    }

    fn guard(&self) -> io::Result<File> {
        if let Some(folder) = self.path.parent() {
            private_folder::create(folder)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(self.path.with_added("guard"))?;
        flock(&file, libc::LOCK_EX)?;
        Ok(file)
    }

    fn replace(&self, holder: &Holder) -> io::Result<()> {
        private_folder::write(&self.path, &serde_json::to_vec(holder)?)
    }
}

/// A file beside another one.
trait Beside {
    fn with_added(&self, suffix: &str) -> PathBuf;
}

impl Beside for Path {
    fn with_added(&self, suffix: &str) -> PathBuf {
        let mut name = self.as_os_str().to_owned();
        name.push(".");
        name.push(suffix);
        PathBuf::from(name)
    }
}

#[async_trait]
impl RunLock for LockFile {
    async fn acquire(&self, holder: &Holder) -> Result<(), LockError> {
        self.exchange(|before| match before {
            Some(other) if other.run != holder.run => {
                Err(LockError::Held { holder: Box::new(other) })
            }
            _ => Ok((Some(holder.clone()), ())),
        })
    }

    async fn refresh(&self, holder: &Holder) -> Result<(), LockError> {
        self.exchange(|before| match before {
            Some(before) if before.run == holder.run => Ok((Some(holder.clone()), ())),
            _ => Err(LockError::Lost { run: holder.run.clone() }),
        })
    }

    async fn release(&self, run: &RunId) -> Result<(), LockError> {
        self.exchange(|before| Ok((before.filter(|holder| holder.run != *run), ())))
    }
}

impl LockFile {
    pub async fn holder(&self) -> Result<Option<Holder>, LockError> {
        self.exchange(|before| Ok((before.clone(), before)))
    }

    pub async fn break_of(&self, run: &RunId) -> Result<Holder, LockError> {
        self.exchange(|before| match before {
            Some(holder) if holder.run == *run => Ok((None, holder)),
            Some(holder) => Err(LockError::Held { holder: Box::new(holder) }),
            None => Err(LockError::NotThere { run: run.clone() }),
        })
    }
}
