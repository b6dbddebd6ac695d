//! Opens the archive's bytes, and reads them again where that is possible.

use std::fs::Metadata;
use std::io::{self, Read};

use super::{BackupFileError, Input};
use crate::archive::ArchiveError;
use crate::archive::formats::{StoredBackup, StoredReader};

type Bytes = Box<dyn Read + Send>;

/// Where the archive comes from.
pub(super) struct Source {
    /// A file or a folder on disk.
    stored: Option<(StoredBackup, Metadata)>,
}

impl Source {
    pub(super) fn open(input: Input) -> Result<(Source, Bytes), BackupFileError> {
        let path = match input {
            Input::Stream(stream) => return Ok((Source { stored: None }, stream)),
            Input::File(path) => path,
        };
        let opened = StoredBackup::open(&path).map_err(|error| match error {
            ArchiveError::Open { path, source } => BackupFileError::Open { path, source },
            error => error.into(),
        })?;
        let StoredReader { backup, bytes, metadata } = opened;
        Ok((Source { stored: Some((backup, metadata)) }, bytes))
    }

    pub(super) fn metadata(&self) -> Option<&Metadata> {
        self.stored.as_ref().map(|(_, metadata)| metadata)
    }

    /// The length of the archive, if the file is the archive itself.
    pub(super) fn length(&self) -> Option<u64> {
        let (backup, metadata) = self.stored.as_ref()?;
        backup.is_custom().then_some(metadata.len())
    }

    pub(super) fn is_assembled(&self) -> bool {
        self.stored.as_ref().is_some_and(|(backup, _)| backup.is_assembled())
    }

    /// The archive again from `position` on. `None` if the source can be read only once.
    pub(super) fn read_again(&self, position: u64) -> Option<io::Result<Bytes>> {
        self.stored.as_ref()?.0.read_again(position)
    }
}
