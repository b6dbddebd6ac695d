//! Opens the files of a dump in directory format.

#![expect(
    clippy::indexing_slicing,
    reason = "each range of a buffer ends where a read or a search has ended"
)]

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::assembled::Members;
use super::member::{ENDINGS, Member, Packing};
use super::tar::TarIndex;
use crate::archive::ArchiveError;

/// The longest line in a list of large objects. A line is an OID and a name.
const LONGEST_LINE: u64 = 4096;

/// Where the files of a directory dump are.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Folder(PathBuf),
    Tar(Arc<TarIndex>),
}

type Bytes = Box<dyn Read + Send>;

impl Place {
    /// The file of this name, or `None` if there is none.
    fn open(&self, name: &str) -> Result<Option<Bytes>, ArchiveError> {
        let folder = match self {
            Place::Tar(index) => return Ok(index.open(name).map(|file| Box::new(file) as Bytes)),
            Place::Folder(folder) => folder,
        };
        match open_regular(&folder.join(name)) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let reason = format!("cannot open the file: {error}");
                Err(ArchiveError::Member { member: name.to_owned(), reason })
            }
        }
    }

    /// The file of this name, compressed or not.
    fn open_member(&self, name: &str) -> Result<Member, ArchiveError> {
        for (ending, packing) in ENDINGS {
            let name = format!("{name}{ending}");
            if let Some(bytes) = self.open(&name)? {
                return Member::new(name, packing, bytes);
            }
        }
        Err(ArchiveError::Member {
            member: name.to_owned(),
            reason: "the file is \
            missing"
                .to_owned(),
        })
    }
}

/// Opens a file. Does not follow links, and does not wait for the other end of a pipe.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => io::Error::other("it is a symbolic link"),
        _ => error,
    })?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not an ordinary file")),
    }
}

/// The files of one dump, in the order in which they are requested.
pub(super) struct Files {
    place: Place,
    current: Option<Member>,
    objects: Option<BufReader<ListBytes>>,
}

/// A list of large objects, decompressed.
struct ListBytes(Member);

impl Read for ListBytes {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let mut bytes = Vec::new();
        let count = self.0.read(&mut bytes, target.len()).map_err(io::Error::other)?;
        target[..count].copy_from_slice(&bytes);
        Ok(count)
    }
}

impl Files {
    pub(super) fn new(place: Place) -> Files {
        Files { place, current: None, objects: None }
    }
}

impl Members for Files {
    fn open_contents(&mut self) -> Result<(), ArchiveError> {
        self.current = Some(self.place.open_member("toc.dat")?);
        Ok(())
    }

    fn open_rows(&mut self, name: &str) -> Result<(), ArchiveError> {
        self.current = Some(self.place.open_member(name)?);
        Ok(())
    }

    fn open_next_object(&mut self, list: &str) -> Result<Option<u32>, ArchiveError> {
        let lines = match &mut self.objects {
            Some(lines) => lines,
            none => {
                let bytes = ListBytes(self.place.open_member(list)?);
                none.insert(BufReader::new(bytes))
            }
        };
        let mut line = Vec::new();
        let read = lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        read.map_err(|error| match error.downcast::<ArchiveError>() {
            Ok(error) => error,
            Err(error) => bad_list(list, &error.to_string()),
        })?;
        if line.is_empty() {
            self.objects = None;
            self.current = None;
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let (oid, name) = object_of(line.trim_end_matches('\n'))
            .ok_or_else(|| bad_list(list, "a line of the list does not name a large object"))?;
        self.current = Some(self.place.open_member(&name)?);
        Ok(Some(oid))
    }

    fn read(&mut self, out: &mut Vec<u8>, at_most: usize) -> Result<usize, ArchiveError> {
        match &mut self.current {
            Some(member) => member.read(out, at_most),
            None => Ok(0),
        }
    }
}

fn bad_list(list: &str, reason: &str) -> ArchiveError {
    ArchiveError::Member { member: list.to_owned(), reason: reason.to_owned() }
}

/// The OID and the file name of a line such as `16401 blob_16401.dat`. No other name is ever
/// opened.
pub(super) fn object_of(line: &str) -> Option<(u32, String)> {
    let (oid, name) = line.split_once(' ')?;
    let oid: u32 = oid.parse().ok().filter(|oid| *oid != 0)?;
    let plain = format!("blob_{oid}.dat");
    let is_known = ENDINGS.iter().any(|(ending, _)| name == format!("{plain}{ending}"));
    is_known.then_some((oid, plain))
}

/// The [`Packing`] of a file in a tar stream, and its name without the ending.
pub(super) fn packing_of(name: &str) -> (&str, Packing) {
    let mut found = (name, Packing::None);
    for (ending, packing) in ENDINGS {
        if !ending.is_empty()
            && let Some(plain) = name.strip_suffix(ending)
        {
            found = (plain, packing);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_that_fits_the_oid_is_opened() {
        assert_eq!(object_of("5 blob_5.dat"), Some((5, "blob_5.dat".to_owned())));
        assert_eq!(object_of("5 blob_5.dat.gz"), Some((5, "blob_5.dat".to_owned())));
        assert_eq!(
            object_of("4000000001 blob_4000000001.dat").map(|(oid, _)| oid),
            Some(4_000_000_001)
        );
        for wrong in ["", "5", "5 ../blob_5.dat", "5 blob_6.dat", "0 blob_0.dat", "x blob_x.dat"] {
            assert_eq!(object_of(wrong), None, "{wrong}");
        }
    }
}
