//! Reads the files of a dump in tar format: from a stream in their order, or from a file in any
//! order.
//!
//! A tar file is a sequence of files, each after a header of 512 bytes and padded to 512. Names are
//! only used as keys: nothing is unpacked, so a name with a path is harmless.

#![expect(
    clippy::indexing_slicing,
    reason = "each range of a buffer ends where a read or a search has ended"
)]

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::assembled::Members;
use super::folder::{object_of, packing_of};
use super::member::Packing;
use super::recognise::{Found, is_tar};
use crate::archive::ArchiveError;

const BLOCK: u64 = 512;

/// Limits the memory of an index. Each table has one file.
const MOST_FILES: usize = 1_000_000;

/// The longest list of large objects, with about 30 bytes for each.
const LONGEST_LIST: usize = 256 << 20;

/// The facts in one header.
struct Entry {
    name: String,
    size: u64,
    is_file: bool,
}

/// A block in the place of a header.
enum Header {
    Entry(Entry),
    /// A block of zeros. Two of them mark the end.
    Zeros,
}

fn corrupt(position: u64, reason: &str) -> ArchiveError {
    let member = format!("the tar file at byte {position}");
    ArchiveError::Member { member, reason: reason.to_owned() }
}

fn parse(block: &[u8; BLOCK as usize], position: u64) -> Result<Header, ArchiveError> {
    if block.iter().all(|byte| *byte == 0) {
        return Ok(Header::Zeros);
    }
    let sum =
        |(at, byte): (usize, &u8)| u64::from(if (148..156).contains(&at) { b' ' } else { *byte });
    let expected: u64 = block.iter().enumerate().map(sum).sum();
    if octal(&block[148..156]) != Some(expected) || !is_tar(block) {
        return Err(corrupt(position, "there is no file header here"));
    }
    let size = number(&block[124..136]).ok_or_else(|| corrupt(position, "a size is damaged"))?;
    let is_file = match block[156] {
        b'0' | 0 | b'7' => true,
        // Long names and sizes are stored in extra entries before their file.
        b'L' | b'K' | b'x' | b'g' => {
            return Err(corrupt(
                position,
                "bcops does not read its extended headers; unpack the tar file and name the folder",
            ));
        }
        _ => false,
    };
    let text = |bytes: &[u8]| {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    };
    let (name, prefix) = (text(&block[..100]), text(&block[345..500]));
    // Only POSIX headers have a prefix.
    let name = match &block[257..263] {
        b"ustar\0" if !prefix.is_empty() => format!("{prefix}/{name}"),
        _ => name,
    };
    Ok(Header::Entry(Entry { name, size, is_file }))
}

fn octal(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

/// Reads octal digits, or for 8 GB and more a binary number after a byte with the highest bit.
fn number(bytes: &[u8]) -> Option<u64> {
    match bytes.split_first() {
        Some((0x80, rest)) => {
            let (zeros, value) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
            let value = u64::from_be_bytes(value.try_into().ok()?);
            (zeros.iter().all(|byte| *byte == 0) && value < 1 << 62).then_some(value)
        }
        _ => octal(bytes),
    }
}

fn padded(size: u64) -> u64 {
    size.next_multiple_of(BLOCK)
}

/// The position of each file in a tar file.
#[derive(Debug)]
pub(super) struct TarIndex {
    file: Arc<File>,
    places: HashMap<String, (u64, u64)>,
}

impl TarIndex {
    /// Reads all headers. The dump's files may be in a folder, for example if someone packed a
    /// directory dump.
    pub(super) fn read(file: Arc<File>) -> Result<TarIndex, ArchiveError> {
        let length = file.metadata().map_err(ArchiveError::start)?.len();
        let mut all = HashMap::new();
        let mut position = 0;
        while position + BLOCK <= length {
            let mut block = [0; BLOCK as usize];
            file.read_exact_at(&mut block, position).map_err(ArchiveError::start)?;
            let Header::Entry(entry) = parse(&block, position)? else { break };
            let start = position + BLOCK;
            let Entry { name, size, is_file } = entry;
            if start.saturating_add(size) > length {
                let reason = "the tar file is cut off within this file";
                return Err(ArchiveError::Member { member: name, reason: reason.to_owned() });
            }
            if all.len() == MOST_FILES {
                return Err(corrupt(position, "the tar file has too many files"));
            }
            if is_file && all.insert(name.clone(), (start, size)).is_some() {
                let reason = "the tar file contains it twice".to_owned();
                return Err(ArchiveError::Member { member: name, reason });
            }
            position = start + padded(size);
        }
        let in_folder = |name: &String| {
            let folder =
                name.strip_suffix("toc.dat").or_else(|| name.strip_suffix("toc.dat.gz"))?;
            (folder.is_empty() || folder.ends_with('/')).then(|| folder.to_owned())
        };
        let mut folders: Vec<String> = all.keys().filter_map(in_folder).collect();
        let Some(folder) = folders.pop() else {
            return Err(ArchiveError::NotAnArchive(
                match all.keys().any(|name| is_of_server(name)) {
                    true => Found::ServerFiles,
                    false => Found::OtherTar,
                },
            ));
        };
        if !folders.is_empty() {
            return Err(corrupt(
                0,
                "it contains several backups; unpack the tar file and name one folder",
            ));
        }
        let places = all.into_iter().filter_map(|(name, place)| {
            let name = name.strip_prefix(&folder)?.to_owned();
            Some((name, place))
        });
        Ok(TarIndex { file, places: places.collect() })
    }

    pub(super) fn open(&self, name: &str) -> Option<TarFile> {
        let (position, left) = *self.places.get(name)?;
        Some(TarFile { file: self.file.clone(), position, left })
    }
}

fn is_of_server(name: &str) -> bool {
    name.ends_with("backup_label") || name.ends_with("PG_VERSION")
}

/// The bytes of one file within a tar file.
pub(super) struct TarFile {
    file: Arc<File>,
    position: u64,
    left: u64,
}

impl Read for TarFile {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(target.len());
        let count = self.file.read_at(&mut target[..wanted], self.position)?;
        if count == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.position += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// A tar file that can be read once, in the order in which pg_dump writes it: `toc.dat`, then the
/// rows in the order of the table of contents, and the large objects of a block before their list.
pub(super) struct TarStream<R> {
    inner: R,
    position: u64,
    /// Bytes of the open file.
    left: u64,
    padding: u64,
    /// A header that was read but not used yet.
    next: Option<Entry>,
    /// The large objects of the current block.
    objects: Vec<u32>,
}

impl<R: Read + Send> TarStream<R> {
    pub(super) fn new(inner: R) -> Self {
        TarStream { inner, position: 0, left: 0, padding: 0, next: None, objects: Vec::new() }
    }

    fn read_some(&mut self, target: &mut [u8]) -> Result<usize, ArchiveError> {
        loop {
            match self.inner.read(target) {
                Ok(count) => {
                    self.position += count as u64;
                    return Ok(count.min(target.len()));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ArchiveError::start(error)),
            }
        }
    }

    fn skip_open(&mut self) -> Result<(), ArchiveError> {
        let mut scrap = [0; 8192];
        while self.left + self.padding > 0 {
            let wanted = (self.left + self.padding).min(scrap.len() as u64);
            let count = self.read_some(&mut scrap[..wanted as usize])? as u64;
            if count == 0 {
                return Err(corrupt(self.position, "the tar file ends within a file"));
            }
            let of_file = count.min(self.left);
            self.left -= of_file;
            self.padding -= count - of_file;
        }
        Ok(())
    }

    /// Opens the next ordinary file. `None` at the end.
    fn advance(&mut self) -> Result<Option<Entry>, ArchiveError> {
        if let Some(entry) = self.next.take() {
            return Ok(Some(entry));
        }
        loop {
            self.skip_open()?;
            let mut block = [0; BLOCK as usize];
            let mut filled = 0;
            while filled < block.len() {
                let count = self.read_some(&mut block[filled..])?;
                if count == 0 && filled == 0 {
                    return Ok(None);
                }
                if count == 0 {
                    return Err(corrupt(self.position, "the tar file ends within a header"));
                }
                filled += count;
            }
            let Header::Entry(entry) = parse(&block, self.position - BLOCK)? else {
                return Ok(None);
            };
            self.left = entry.size;
            self.padding = padded(entry.size) - entry.size;
            if entry.is_file {
                return Ok(Some(entry));
            }
        }
    }

    /// Checks that the open list names exactly the large objects before it.
    fn check_list(&mut self, list: &str) -> Result<(), ArchiveError> {
        let mut bytes = Vec::new();
        while bytes.len() < LONGEST_LIST && self.read(&mut bytes, 64 << 10)? > 0 {}
        let text = String::from_utf8_lossy(&bytes);
        let named = text.lines().map(|line| object_of(line).map(|(oid, _)| oid));
        let objects = std::mem::take(&mut self.objects);
        if named.eq(objects.into_iter().map(Some)) {
            return Ok(());
        }
        let reason = "the list does not match the large objects before it".to_owned();
        Err(ArchiveError::Member { member: list.to_owned(), reason })
    }

    /// Opens the file of this name, which must be the next one.
    fn expect(&mut self, name: &str) -> Result<(), ArchiveError> {
        let fail = |reason: String| Err(ArchiveError::Member { member: name.to_owned(), reason });
        match self.advance()? {
            Some(entry) if entry.name == name => Ok(()),
            Some(entry) if packing_of(&entry.name) == (name, Packing::Gzip) => fail(
                "the file is compressed, but pg_dump never compresses files in a tar \
                    file"
                    .to_owned(),
            ),
            Some(entry) => fail(format!(
                "found {} instead; unpack the tar file and name the folder",
                crate::plain_text::on_one_line(&entry.name)
            )),
            None => fail("the file is missing".to_owned()),
        }
    }
}

impl<R: Read + Send> Members for TarStream<R> {
    fn open_contents(&mut self) -> Result<(), ArchiveError> {
        match self.advance()? {
            Some(entry) if entry.name == "toc.dat" => Ok(()),
            Some(entry) if is_of_server(&entry.name) => {
                Err(ArchiveError::NotAnArchive(Found::ServerFiles))
            }
            _ => Err(ArchiveError::NotAnArchive(Found::OtherTar)),
        }
    }

    fn open_rows(&mut self, name: &str) -> Result<(), ArchiveError> {
        self.expect(name)
    }

    fn open_next_object(&mut self, list: &str) -> Result<Option<u32>, ArchiveError> {
        let Some(entry) = self.advance()? else {
            return self.expect(list).map(|()| None);
        };
        let object = entry.name.strip_prefix("blob_").and_then(|rest| rest.strip_suffix(".dat"));
        if let Some(oid) = object.and_then(|oid| oid.parse().ok()).filter(|oid| *oid != 0) {
            self.objects.push(oid);
            return Ok(Some(oid));
        }
        self.next = Some(entry);
        self.expect(list)?;
        self.check_list(list).map(|()| None)
    }

    fn read(&mut self, out: &mut Vec<u8>, at_most: usize) -> Result<usize, ArchiveError> {
        let start = out.len();
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(at_most);
        // The buffer grows as bytes arrive, because the size in a header is not trusted.
        while out.len() - start < wanted {
            let filled = out.len();
            let step = (wanted - (filled - start)).min(64 << 10);
            out.resize(filled + step, 0);
            let count = self.read_some(&mut out[filled..])?;
            out.truncate(filled + count);
            self.left -= count as u64;
            if count == 0 {
                return Err(corrupt(self.position, "the tar file ends within a file"));
            }
        }
        Ok(out.len() - start)
    }
}

#[cfg(test)]
mod number_tests {
    use super::number;

    #[test]
    fn sizes_are_octal_or_binary() {
        assert_eq!(number(b"00000000017 "), Some(15));
        assert_eq!(number(b"77777777777\0"), Some((1 << 33) - 1));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(1 << 33));
        assert_eq!(number(b"\x80\0\0\0\xff\0\0\0\0\0\0\0"), None);
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(number(b"-0000000017 "), None);
        assert_eq!(number(b"99999999999 "), None);
    }
}
