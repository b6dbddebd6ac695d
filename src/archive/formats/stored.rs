//! Opens a backup on disk, in any format, and reads it again from any position.

#![expect(
    clippy::indexing_slicing,
    reason = "each range of a buffer ends where a read or a search has ended"
)]

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::assembled::Assembled;
use super::folder::{Files, Place};
use super::recognise::{Found, is_tar};
use super::tar::TarIndex;
use super::wrapping::{START, convert};
use crate::archive::ArchiveError;

type Bytes = Box<dyn Read + Send>;

/// How to read a backup again. Positions are offsets in the bytes of a custom archive.
#[derive(Debug, Clone)]
pub struct StoredBackup(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// A named pipe or a device, which can be read only once.
    Once,
    Custom(Arc<File>),
    /// Compressed as a whole.
    Wrapped(Arc<File>),
    Files(Place),
}

/// An opened backup.
pub struct StoredReader {
    pub backup: StoredBackup,
    /// The bytes of the file, still compressed if they are. For a folder or a tar file, the
    /// archive's.
    pub bytes: Bytes,
    pub metadata: Metadata,
}

impl StoredBackup {
    /// Opens a file or a folder. Reads nothing from a named pipe.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Open`] if the path cannot be opened, and others if a tar file or a folder is
    /// not a backup.
    pub fn open(path: &Path) -> Result<StoredReader, ArchiveError> {
        let fail = |source| ArchiveError::Open { path: path.to_owned(), source };
        let file = File::open(path).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        if metadata.is_dir() {
            let place = Place::Folder(path.to_owned());
            return opened(Kind::Files(place), metadata).map_err(|error| folder_error(path, error));
        }
        if !metadata.is_file() {
            let backup = StoredBackup(Kind::Once);
            return Ok(StoredReader { backup, bytes: Box::new(file), metadata });
        }
        let mut start = [0; START];
        let count = read_start(&file, &mut start).map_err(fail)?;
        let start = &start[..count];
        let file = Arc::new(file);
        if is_tar(start) {
            let index = TarIndex::read(file)?;
            return opened(Kind::Files(Place::Tar(Arc::new(index))), metadata);
        }
        let kind = match Found::by(start) {
            Found::Gzip | Found::Zstd | Found::Lz4 => Kind::Wrapped(file.clone()),
            _ => Kind::Custom(file.clone()),
        };
        let bytes = Box::new(FileReader { file, position: 0 });
        Ok(StoredReader { backup: StoredBackup(kind), bytes, metadata })
    }

    /// The archive's bytes from `position`, even if the file was renamed or replaced since. `None`
    /// if they can be read only once.
    pub fn read_again(&self, position: u64) -> Option<io::Result<Bytes>> {
        let bytes = match &self.0 {
            Kind::Once => return None,
            Kind::Custom(file) => {
                return Some(Ok(Box::new(FileReader { file: file.clone(), position })));
            }
            Kind::Wrapped(file) => {
                convert(Box::new(FileReader { file: file.clone(), position: 0 }))
                    .map(|converted| converted.bytes)
            }
            Kind::Files(place) => assemble(place),
        };
        Some(bytes.map_err(io::Error::other).and_then(|bytes| skip(bytes, position)))
    }

    /// Whether the archive's bytes are assembled from several files.
    pub fn is_assembled(&self) -> bool {
        matches!(self.0, Kind::Files(_))
    }

    /// Whether the file is the archive itself. Then its length is the archive's length.
    pub fn is_custom(&self) -> bool {
        matches!(self.0, Kind::Custom(_))
    }
}

fn opened(kind: Kind, metadata: Metadata) -> Result<StoredReader, ArchiveError> {
    let Kind::Files(place) = &kind else { return Err(ArchiveError::NotAnArchive(Found::Unknown)) };
    let bytes = assemble(place)?;
    Ok(StoredReader { backup: StoredBackup(kind), bytes, metadata })
}

fn assemble(place: &Place) -> Result<Bytes, ArchiveError> {
    Ok(Box::new(Assembled::new(Files::new(place.clone()))?))
}

/// The error for a folder. A folder without a table of contents is not a backup.
fn folder_error(path: &Path, error: ArchiveError) -> ArchiveError {
    let has_contents = ["toc.dat", "toc.dat.gz", "toc.dat.lz4", "toc.dat.zst"]
        .iter()
        .any(|name| path.join(name).symlink_metadata().is_ok());
    if has_contents {
        return error;
    }
    let is_of_server = path.join("PG_VERSION").symlink_metadata().is_ok();
    ArchiveError::NotAnArchive(if is_of_server { Found::ServerFiles } else { Found::OtherFolder })
}

fn read_start(file: &File, start: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < start.len() {
        match file.read_at(&mut start[filled..], filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

fn skip(mut bytes: Bytes, count: u64) -> io::Result<Bytes> {
    let skipped = io::copy(&mut bytes.by_ref().take(count), &mut io::sink())?;
    match skipped == count {
        true => Ok(bytes),
        false => Err(io::Error::other("the backup became shorter after it was opened")),
    }
}

/// A reader with its own position, so that several can read one file.
struct FileReader {
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
