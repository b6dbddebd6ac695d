//! Where an archive's bytes come from, and whether a part of them can be had again.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

/// A backup that can be read from its beginning, and perhaps a second time from the middle.
pub trait BackupSource: Send {
    /// The bytes from `start` up to `end`, or `None` where the source can be read only once.
    fn read_again(&self, start: u64, end: u64) -> Option<io::Result<Box<dyn Read + Send>>>;
}

/// An archive on disk.
pub struct FileSource {
    path: PathBuf,
}

impl FileSource {
    pub fn new(path: PathBuf) -> Self {
        FileSource { path }
    }

    pub fn open(&self) -> io::Result<(File, u64)> {
        let file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        Ok((file, length))
    }
}

impl BackupSource for FileSource {
    fn read_again(&self, start: u64, end: u64) -> Option<io::Result<Box<dyn Read + Send>>> {
        Some(self.open().and_then(|(mut file, _)| {
            file.seek(SeekFrom::Start(start))?;
            Ok(Box::new(file.take(end.saturating_sub(start))) as Box<dyn Read + Send>)
        }))
    }
}
