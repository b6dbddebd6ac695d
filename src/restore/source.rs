//! Opens a backup's bytes, and says whether parts of them can be read again.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::activity::Activity;
use crate::archive::ArchiveError;
use crate::archive::formats::{StoredBackup, StoredReader};
use crate::events::{SharedReporter, Silent};

/// A backup whose parts may be readable a second time.
pub trait BackupSource: Send {
    /// The bytes from `start` to `end`, or `None` if the source can be read only once.
    fn read_again(&self, start: u64, end: u64) -> Option<io::Result<Box<dyn Read + Send>>>;
}

/// A backup's bytes from its beginning, and how to read parts of them again. bcops keeps none of
/// them on disk.
pub struct OpenBackup {
    pub bytes: Box<dyn Read + Send>,
    /// `None` for a stream of unknown length.
    pub length: Option<u64>,
    pub again: Arc<dyn BackupSource + Sync>,
    /// Records what the later load waits for, including reads of `bytes`.
    pub activity: Activity,
    /// Gets the messages about what takes long while the table of contents is read.
    pub reporter: SharedReporter,
}

impl OpenBackup {
    /// A backup on disk: an archive, compressed or not, or a dump in tar or directory format.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Open`] if the file cannot be opened, and others if it is not a backup.
    pub fn file(path: &Path) -> Result<OpenBackup, ArchiveError> {
        let StoredReader { backup, bytes, metadata } = StoredBackup::open(path)?;
        let length = backup.is_custom().then_some(metadata.len());
        let activity = Activity::default();
        let bytes = Box::new(activity.watched(bytes, format!("reading {}", path.display())));
        Ok(OpenBackup { bytes, length, again: Arc::new(backup), activity, reporter: silent() })
    }

    /// A stream that cannot be rewound, such as standard input.
    pub fn read_once(bytes: impl Read + Send + 'static) -> OpenBackup {
        let activity = Activity::default();
        let bytes = Box::new(activity.watched(bytes, "reading standard input"));
        let again = Arc::new(ReadOnce);
        OpenBackup { bytes, length: None, again, activity, reporter: silent() }
    }

    /// The same backup with a reporter for messages about what takes long.
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
