//! Locks a run's folder, so that the same run is not resumed twice at the same time.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// The right to continue a run, until this value is dropped. The system releases the lock of a dead
/// process.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// How often a busy folder is tried again, because a command that lists the runs holds the lock for
/// a moment.
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

/// Returns whether the lock was granted.
pub(super) fn flock(file: &File, operation: libc::c_int) -> io::Result<bool> {
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
