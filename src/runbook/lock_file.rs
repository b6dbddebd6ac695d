//! Locks on this machine: the file that keeps a second run off a target, and the lock on a run's
//! folder that keeps the same run from being resumed twice at the same time.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::lock::{Holder, LockError, LockFuture, RunLock};
use super::run_id::RunId;
use crate::private_folder;

/// A [`RunLock`] that is a file. It outlives the process, as a run that stopped half-way has to
/// keep its lock.
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

    /// Reads and changes the file while no other process does. The file that is locked is another
    /// one than the file that is changed, which is replaced as a whole.
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

impl RunLock for LockFile {
    fn acquire<'a>(&'a self, holder: &'a Holder) -> LockFuture<'a, ()> {
        Box::pin(async move {
            self.exchange(|before| match before {
                Some(other) if other.run != holder.run => {
                    Err(LockError::Held { holder: Box::new(other) })
                }
                _ => Ok((Some(holder.clone()), ())),
            })
        })
    }

    fn refresh<'a>(&'a self, holder: &'a Holder) -> LockFuture<'a, ()> {
        Box::pin(async move {
            self.exchange(|before| match before {
                Some(before) if before.run == holder.run => Ok((Some(holder.clone()), ())),
                _ => Err(LockError::Lost { run: holder.run.clone() }),
            })
        })
    }

    fn release<'a>(&'a self, run: &'a RunId) -> LockFuture<'a, ()> {
        Box::pin(async move {
            self.exchange(|before| Ok((before.filter(|holder| holder.run != *run), ())))
        })
    }

    fn holder(&self) -> LockFuture<'_, Option<Holder>> {
        Box::pin(async move { self.exchange(|before| Ok((before.clone(), before))) })
    }

    fn break_of<'a>(&'a self, run: &'a RunId) -> LockFuture<'a, Holder> {
        Box::pin(async move {
            self.exchange(|before| match before {
                Some(holder) if holder.run == *run => Ok((None, holder)),
                Some(holder) => Err(LockError::Held { holder: Box::new(holder) }),
                None => Err(LockError::NotThere { run: run.clone() }),
            })
        })
    }
}

/// The right to go on with a run, until it is dropped. The system takes it back from a dead process.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// How often a folder that is busy is tried again: whoever lists the runs holds it for a moment.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

impl FolderLock {
    /// `None` if another process is at work on the run.
    pub fn take(folder: &Path) -> io::Result<Option<Self>> {
        let file = Self::open(folder)?;
        for attempt in 0..TRIES {
            if attempt > 0 {
                std::thread::sleep(PAUSE);
            }
            if flock(&file, libc::LOCK_EX | libc::LOCK_NB)? {
                return Ok(Some(FolderLock { _file: file }));
            }
        }
        Ok(None)
    }

    /// Whether a process is at work on the run.
    pub fn is_taken(folder: &Path) -> io::Result<bool> {
        Ok(!flock(&Self::open(folder)?, libc::LOCK_SH | libc::LOCK_NB)?)
    }

    fn open(folder: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.open(folder.join("lock"))
    }
}

/// Whether the lock was given.
fn flock(file: &File, operation: libc::c_int) -> io::Result<bool> {
    loop {
        // SAFETY: the descriptor is open for as long as `file` lives.
        if unsafe { libc::flock(file.as_raw_fd(), operation) } == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::WouldBlock => return Ok(false),
            io::ErrorKind::Interrupted => {}
            _ => return Err(error),
        }
    }
}
