//! Where an archive's bytes come from, and whether a part of them can be had again.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::activity::Activity;
use crate::archive::ArchiveError;
use crate::archive::formats::{StoredBackup, StoredReader};
use crate::events::{SharedReporter, Silent};

/// A backup that can be read from its beginning, and perhaps a second time from the middle.
pub trait BackupSource: Send {
    /// The bytes from `start` up to `end`, or `None` where the source can be read only once.
    fn read_again(&self, start: u64, end: u64) -> Option<io::Result<Box<dyn Read + Send>>>;
}

/// A backup's bytes from its beginning, and how to see parts of them again. Nothing of it is kept
/// on disk.
pub struct OpenBackup {
    pub bytes: Box<dyn Read + Send>,
    /// Unknown for a stream that does not tell its length.
    pub length: Option<u64>,
    pub again: Arc<dyn BackupSource + Sync>,
    /// The account of what the load that follows waits for. Reads of `bytes` are on it.
    pub activity: Activity,
    /// Hears what takes long while the table of contents is read.
    pub reporter: SharedReporter,
}

impl OpenBackup {
    /// A backup on disk: an archive, compressed or not, or a dump in tar or directory format.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Open`] where it cannot be opened, and others where it is no backup.
    pub fn file(path: &Path) -> Result<OpenBackup, ArchiveError> {
        let StoredReader { backup, bytes, metadata } = StoredBackup::open(path)?;
        let length = backup.is_custom().then_some(metadata.len());
        let activity = Activity::default();
        let bytes = Box::new(activity.watched(bytes, format!("reading {}", path.display())));
        Ok(OpenBackup { bytes, length, again: Arc::new(backup), activity, reporter: silent() })
    }

    /// A stream that nobody can rewind, such as standard input.
    pub fn read_once(bytes: impl Read + Send + 'static) -> OpenBackup {
        let activity = Activity::default();
        let bytes = Box::new(activity.watched(bytes, "reading standard input"));
        let again = Arc::new(ReadOnce);
        OpenBackup { bytes, length: None, again, activity, reporter: silent() }
    }

    /// The same with someone who hears what takes long.
    pub fn telling(self, reporter: SharedReporter) -> OpenBackup {
        OpenBackup { reporter, ..self }
    }
}

fn silent() -> SharedReporter {
    Arc::new(Silent)
}

impl BackupSource for StoredBackup {
    fn read_again(&self, start: u64, end: u64) -> Option<io::Result<Box<dyn Read + Send>>> {
        let bytes = StoredBackup::read_again(self, start)?;
        let limited = |bytes: Box<dyn Read + Send>| {
            Box::new(bytes.take(end.saturating_sub(start))) as Box<dyn Read + Send>
        };
        Some(bytes.map(limited))
    }
}

struct ReadOnce;

impl BackupSource for ReadOnce {
    fn read_again(&self, _start: u64, _end: u64) -> Option<io::Result<Box<dyn Read + Send>>> {
        None
    }
}
