//! The archive's bytes, and a second look at them where that is possible.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::{BackupFileError, Input};

/// What is known of where the archive comes from.
pub(super) struct Source {
    /// An ordinary file, which can be read any number of times.
    file: Option<(Arc<File>, Metadata)>,
}

impl Source {
    pub(super) fn open(input: Input) -> Result<(Source, Box<dyn Read + Send>), BackupFileError> {
        let path = match input {
            Input::Stream(stream) => return Ok((Source { file: None }, stream)),
            Input::File(path) => path,
        };
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) =
            opened.map_err(|source| BackupFileError::Open { path: path.clone(), source })?;
        if metadata.is_dir() {
            let source = io::ErrorKind::IsADirectory.into();
            return Err(BackupFileError::Open { path, source });
        }
        // A named pipe or a device is read once, like standard input.
        if !metadata.is_file() {
            return Ok((Source { file: None }, Box::new(file)));
        }
        let file = Arc::new(file);
        let reader = FileReader { file: file.clone(), position: 0 };
        Ok((Source { file: Some((file, metadata)) }, Box::new(reader)))
    }

    pub(super) fn metadata(&self) -> Option<&Metadata> {
        self.file.as_ref().map(|(_, metadata)| metadata)
    }

    pub(super) fn length(&self) -> Option<u64> {
        self.metadata().map(Metadata::len)
    }

    /// The same file again from `position` on, whatever has its name by now. `None` where it can
    /// be read only once.
    pub(super) fn read_again(&self, position: u64) -> Option<FileReader> {
        self.file.as_ref().map(|(file, _)| FileReader { file: file.clone(), position })
    }
}

/// A file with a position of its own, so that several can read it.
pub(super) struct FileReader {
    file: Arc<File>,
    position: u64,
}

impl Read for FileReader {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(target, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}
