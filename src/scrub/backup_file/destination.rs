//! Writes the output file, which gets its name only when it is complete.
//!
//! Until then it is called `NAME.bcops-partial-PID`, and the process that writes it holds a lock. A
//! killed process leaves its file unlocked, and the next run removes it. If a process ends while a
//! thread still writes, [`discard_unfinished`] removes its files.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::source::Source;
use super::{BackupFileError, Output};
use crate::archive::WriteError;

const PARTIAL: &str = ".bcops-partial-";

/// Large enough that the system is called rarely.
const BUFFER: usize = 256 << 10;

pub(super) struct Destination {
    name: String,
    file: Option<PartialFile>,
    sink: Option<Sink>,
}

/// An unfinished file. Dropping it removes it.
struct PartialFile {
    path: PathBuf,
    final_path: PathBuf,
    overwrite: bool,
    kept: bool,
}

/// The unfinished files of this process. A file that is no longer listed never gets its name.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes every unfinished file of this process. For a process that ends while a thread still
/// writes, for example in a read that does not return. That thread can no longer complete its file.
pub fn discard_unfinished() {
    let mut unfinished = unfinished();
    for path in std::mem::take(&mut *unfinished) {
        // If it cannot be removed, the next run will try again.
        let _ = fs::remove_file(path);
    }
}

/// Where the bytes go.
pub(super) enum Sink {
    File(BufWriter<File>),
    Stream(Box<dyn Write + Send>),
}

impl Destination {
    pub(super) fn create(output: Output, source: &Source) -> Result<Self, BackupFileError> {
        match output {
            Output::Stream(stream) => Ok(Destination {
                name: "standard output".to_owned(),
                file: None,
                sink: Some(Sink::Stream(stream)),
            }),
            Output::File { path, overwrite } => {
                check_name(&path, overwrite, source.metadata())?;
                let fail = |error| failed(&path.display().to_string(), WriteError::Io(error));
                remove_stale(&path).map_err(fail)?;
                let partial = with_suffix(&path, &format!("{PARTIAL}{}", std::process::id()));
                let mut unfinished = unfinished();
                let created = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&partial)
                    .and_then(|file| Ok(lock(&file)?.then_some(file)));
                let file = match created {
                    Ok(Some(file)) => file,
                    Ok(None) => return Err(BackupFileError::InUse { path }),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        return Err(BackupFileError::InUse { path });
                    }
                    Err(error) => return Err(fail(error)),
                };
                unfinished.insert(partial.clone());
                Ok(Destination {
                    name: path.display().to_string(),
                    file: Some(PartialFile {
                        path: partial,
                        final_path: path,
                        overwrite,
                        kept: false,
                    }),
                    sink: Some(Sink::File(BufWriter::with_capacity(BUFFER, file))),
                })
            }
        }
    }

    /// The sink to write to. Can be taken once.
    pub(super) fn sink(&mut self) -> Result<Sink, BackupFileError> {
        self.sink.take().ok_or(BackupFileError::WriterEnded)
    }

    pub(super) fn can_seek(&self) -> bool {
        self.file.is_some()
    }

    pub(super) fn failed(&self, error: WriteError) -> BackupFileError {
        failed(&self.name, error)
    }

    /// Flushes everything to the disk, and only then gives the file its name.
    pub(super) fn complete(mut self, sink: Sink) -> Result<(), BackupFileError> {
        let (Some(partial), Sink::File(buffer)) = (&mut self.file, sink) else { return Ok(()) };
        let fail = |error| failed(&self.name, WriteError::Io(error));
        let file = buffer.into_inner().map_err(|error| fail(error.into_error()))?;
        // The mode asked for at the creation could have been narrowed by the umask.
        file.set_permissions(Permissions::from_mode(0o600)).map_err(fail)?;
        file.sync_all().map_err(fail)?;
        if !partial.take_name().map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                BackupFileError::Exists { path: partial.final_path.clone() }
            }
            _ => fail(error),
        })? {
            return Err(BackupFileError::Interrupted);
        }
        File::open(folder_of(&partial.final_path))
            .and_then(|folder| folder.sync_all())
            .map_err(fail)
    }
}

impl PartialFile {
    /// `false` if the file was discarded before.
    fn take_name(&mut self) -> io::Result<bool> {
        // The lock keeps the file from being discarded between the check and the rename.
        let unfinished = unfinished();
        if !unfinished.contains(&self.path) {
            return Ok(false);
        }
        if self.overwrite {
            fs::rename(&self.path, &self.final_path)?;
            self.kept = true;
        } else {
            self.take_new_name()?;
        }
        Ok(true)
    }

    /// Links instead of renaming: a link never replaces a file that someone made meanwhile. Falls
    /// back to a rename on file systems without links.
    fn take_new_name(&mut self) -> io::Result<()> {
        match fs::hard_link(&self.path, &self.final_path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                if fs::symlink_metadata(&self.final_path).is_ok() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                fs::rename(&self.path, &self.final_path)?;
                self.kept = true;
                Ok(())
            }
            other => other,
        }
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        let mut unfinished = unfinished();
        // A discarded file is gone, and another process may use its name by now.
        if unfinished.remove(&self.path) && !self.kept {
            // If it cannot be removed, the next run will try again.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::File(file) => file.write(bytes),
            Sink::Stream(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::File(file) => file.flush(),
            Sink::Stream(stream) => stream.flush(),
        }
    }
}

impl Seek for Sink {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match self {
            Sink::File(file) => file.seek(position),
            Sink::Stream(_) => Err(io::ErrorKind::NotSeekable.into()),
        }
    }
}

fn failed(name: &str, source: WriteError) -> BackupFileError {
    BackupFileError::Write { name: name.to_owned(), source }
}

pub(super) fn check_name(
    path: &Path,
    overwrite: bool,
    source: Option<&Metadata>,
) -> Result<(), BackupFileError> {
    let Ok(link) = fs::symlink_metadata(path) else { return Ok(()) };
    let path = path.to_owned();
    if let (Ok(found), Some(input)) = (fs::metadata(&path), source)
        && (found.dev(), found.ino()) == (input.dev(), input.ino())
    {
        return Err(BackupFileError::SameFile { path });
    }
    if !link.is_file() {
        return Err(BackupFileError::NotAFile { path });
    }
    if overwrite { Ok(()) } else { Err(BackupFileError::Exists { path }) }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Removes what killed runs have left of the same output.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Some(name) = with_suffix(path, PARTIAL).file_name().map(OsString::from) else {
        return Ok(());
    };
    for found in fs::read_dir(folder_of(path))? {
        let found = found?;
        let is_partial = found.file_name().as_encoded_bytes().starts_with(name.as_encoded_bytes());
        if !is_partial || !found.file_type()?.is_file() {
            continue;
        }
        // A file that cannot be opened or is locked belongs to someone else or to a running
        // process.
        if let Ok(file) = File::open(found.path())
            && lock(&file).unwrap_or(false)
        {
            fs::remove_file(found.path())?;
        }
    }
    Ok(())
}

/// Locks a file for as long as it is open. `false` if another process has it locked.
fn lock(file: &File) -> io::Result<bool> {
    // SAFETY: the descriptor is open for as long as `file` is borrowed, and flock touches no memory.
    let result = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    if result == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::WouldBlock { Ok(false) } else { Err(error) }
}
