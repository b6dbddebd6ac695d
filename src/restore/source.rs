//! Where an archive's bytes come from, and whether a part of them can be had again.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use crate::activity::Activity;
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
    /// An archive on disk.
    pub fn file(path: PathBuf) -> io::Result<OpenBackup> {
        let source = FileSource { path };
        let file = source.open()?;
        let length = Some(file.metadata()?.len());
        let activity = Activity::default();
        let what = format!("reading {}", source.path.display());
        let bytes = Box::new(activity.watched(file, what));
        Ok(OpenBackup { bytes, length, again: Arc::new(source), activity, reporter: silent() })
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

struct FileSource {
    path: PathBuf,
}

impl FileSource {
    fn open(&self) -> io::Result<File> {
        File::open(&self.path)
    }
}

impl BackupSource for FileSource {
    fn read_again(&self, start: u64, end: u64) -> Option<io::Result<Box<dyn Read + Send>>> {
        Some(self.open().and_then(|mut file| {
            file.seek(SeekFrom::Start(start))?;
            Ok(Box::new(file.take(end.saturating_sub(start))) as Box<dyn Read + Send>)
        }))
    }
}

struct ReadOnce;

impl BackupSource for ReadOnce {
    fn read_again(&self, _start: u64, _end: u64) -> Option<io::Result<Box<dyn Read + Send>>> {
        None
    }
}
