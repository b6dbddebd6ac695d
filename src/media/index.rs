//! Remembers which object each file in the media folder corresponds to.
//!
//! A file that matches the index in size, times and inode has the content of the indexed ETag, so a
//! second pull, or a push after a pull, need not read it. Any write changes the file's change time,
//! which programs cannot set. The index is only a shortcut: a file that is not in it is read and
//! hashed.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::private_folder;
use hex::encode as hex;

use super::content::{etag_of, md5_of, parse_md5};
use super::error::MediaError;
use super::local::LocalFile;

const HEADER: &str = "bcops media index 1";

/// A file and the object with the same content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub file: LocalFile,
    pub etag: String,
    /// The MD5, if the ETag is not the MD5 itself.
    pub md5: Option<[u8; 16]>,
}

impl Entry {
    /// Whether the content matches this ETag.
    pub fn is(&self, etag: &str) -> bool {
        !etag.is_empty() && (self.etag == etag || self.md5.is_some_and(|md5| etag_of(&md5) == etag))
    }
}

/// The entries of one folder, sorted by key. While it is open, no other bcops works on the folder.
pub struct Index {
    path: PathBuf,
    entries: Vec<Entry>,
    _lock: File,
}

impl Index {
    /// Opens the index of a folder, or an empty one. `None` if another bcops has it open.
    pub fn open(state: &Path, folder: &Path) -> Result<Option<Index>, MediaError> {
        let directory = state.join("media");
        private_folder::create(&directory).map_err(MediaError::disk("create", &directory))?;
        let name = name_of(folder);
        let Some(lock) = lock(&directory.join(format!("{name}.lock")))? else { return Ok(None) };
        let path = directory.join(format!("{name}.index"));
        let entries = match fs::read(&path) {
            // An unreadable index counts as empty: all files are hashed again.
            Ok(bytes) => std::str::from_utf8(&bytes).ok().and_then(parse).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(MediaError::disk("read", &path)(error)),
        };
        Ok(Some(Index { path, entries, _lock: lock }))
    }

    /// The entry of this file, if the file is unchanged.
    pub fn find(&self, file: &LocalFile) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.file.key.cmp(&file.key)).ok()?;
        self.entries.get(at).filter(|entry| entry.file == *file)
    }

    /// Replaces the entries below the prefixes. Entries below other prefixes stay.
    pub fn save(&mut self, mut entries: Vec<Entry>, prefixes: &[String]) -> Result<(), MediaError> {
        let elsewhere = |entry: &Entry| !prefixes.iter().any(|one| entry.file.key.starts_with(one));
        entries.extend(std::mem::take(&mut self.entries).into_iter().filter(elsewhere));
        entries.sort_by(|one, two| one.file.key.cmp(&two.file.key));
        entries.dedup_by(|one, two| one.file.key == two.file.key);
        self.entries = entries;
        private_folder::write(&self.path, render(&self.entries).as_bytes())
            .map_err(MediaError::disk("write", &self.path))
    }
}

/// Takes a lock that ends with the process. `None` if another process has it.
pub fn lock(path: &Path) -> Result<Option<File>, MediaError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    let lock = options.open(path).map_err(MediaError::disk("open", path))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(lock)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(MediaError::disk("lock", path)(error.into())),
    }
}

/// A name for the state of a folder, independent of the working directory.
pub fn name_of(folder: &Path) -> String {
    hex(md5_of(real_path(folder).as_os_str().as_encoded_bytes()))
}

/// The path without links. The first pull creates the folder, so a missing folder must get the same
/// name as the later one.
fn real_path(folder: &Path) -> PathBuf {
    if let Ok(whole) = fs::canonicalize(folder) {
        return whole;
    }
    match (folder.parent(), folder.file_name()) {
        (Some(parent), Some(name)) if parent.as_os_str().is_empty() => {
            real_path(Path::new(".")).join(name)
        }
        (Some(parent), Some(name)) => real_path(parent).join(name),
        _ => folder.to_owned(),
    }
}

fn render(entries: &[Entry]) -> String {
    let mut text = String::with_capacity(entries.len() * 160 + 64);
    text.push_str(HEADER);
    text.push('\n');
    for Entry { file, etag, md5 } in entries {
        let md5 = md5.map_or_else(|| "-".to_owned(), |md5| etag_of(&md5));
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{} {} {} {} {} {md5} {}",
            file.size,
            file.modified_ns,
            file.changed_ns,
            file.inode,
            if etag.is_empty() { "-" } else { etag },
            escape(&file.key)
        );
    }
    text
}

fn parse(text: &str) -> Option<Vec<Entry>> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    if lines.next() != Some(HEADER) {
        return None;
    }
    lines.map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Entry> {
    let mut fields = line.splitn(7, ' ');
    let size = fields.next()?.parse().ok()?;
    let modified_ns = fields.next()?.parse().ok()?;
    let changed_ns = fields.next()?.parse().ok()?;
    let inode = fields.next()?.parse().ok()?;
    let etag = fields.next()?;
    let md5 = fields.next()?;
    let key = unescape(fields.next()?);
    Some(Entry {
        file: LocalFile { key, size, modified_ns, changed_ns, inode },
        etag: if etag == "-" { String::new() } else { etag.to_owned() },
        md5: parse_md5(md5),
    })
}

/// Escapes a key, which may contain newlines.
fn escape(key: &str) -> std::borrow::Cow<'_, str> {
    if key.contains(['\n', '\\']) {
        key.replace('\\', "\\\\").replace('\n', "\\n").into()
    } else {
        key.into()
    }
}

fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut key = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' if characters.next() == Some('n') => key.push('\n'),
            other => key.push(other),
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, etag: &str) -> Entry {
        let file = LocalFile {
            key: key.to_owned(),
            size: 5,
            modified_ns: -7,
            changed_ns: 9,
            inode: u64::MAX,
        };
        Entry { file, etag: etag.to_owned(), md5: Some(md5_of(key.as_bytes())) }
    }

    #[test]
    fn saved_entries_are_found_again() {
        let state = tempfile::tempdir().unwrap();
        let mut index = Index::open(state.path(), Path::new("/media")).unwrap().unwrap();
        assert!(
            Index::open(state.path(), Path::new("/media")).unwrap().is_none(),
            "the index is \
             open"
        );
        let odd = entry("images/a b\\n\n\\é", "x-2");
        let prefixes = ["images/".to_owned()];
        index.save(vec![odd.clone(), entry("documents/d", "e")], &prefixes).unwrap();
        drop(index);
        let mut index = Index::open(state.path(), Path::new("/media")).unwrap().unwrap();
        assert_eq!(index.find(&odd.file), Some(&odd));
        let changed = LocalFile { changed_ns: 10, ..odd.file.clone() };
        assert_eq!(index.find(&changed), None);
        index.save(Vec::new(), &prefixes).unwrap();
        assert_eq!(index.find(&odd.file), None);
        assert!(index.find(&entry("documents/d", "e").file).is_some(), "another prefix stays");
    }

    #[test]
    fn a_folder_has_one_name_before_and_after_it_is_created() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", directory.path().join("link")).unwrap();
        let folder = directory.path().join("link/media");
        let before = name_of(&folder);
        fs::create_dir(&folder).unwrap();
        assert_eq!(name_of(&folder), before);
        assert_eq!(name_of(&directory.path().join("real/media")), before);
    }

    #[test]
    fn a_damaged_index_counts_as_empty() {
        let state = tempfile::tempdir().unwrap();
        let mut index = Index::open(state.path(), Path::new("/m")).unwrap().unwrap();
        index.save(vec![entry("images/a", "e")], &[]).unwrap();
        let path = index.path.clone();
        drop(index);
        let text = fs::read_to_string(&path).unwrap();
        for end in [0, 5, HEADER.len() + 3, text.len() - 1] {
            fs::write(&path, &text[..end]).unwrap();
            let index = Index::open(state.path(), Path::new("/m")).unwrap().unwrap();
            assert!(index.entries.is_empty(), "{end}");
        }
    }
}
