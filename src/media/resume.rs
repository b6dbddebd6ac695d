//! Remembers large objects that a run did not finish: which file holds the bytes, and which ranges
//! it has.
//!
//! The next run fetches only the missing ranges. A note is valid only for the same ETag and size of
//! the object and the same inode of the file. It is a shortcut, not a proof: the whole file is
//! verified before it gets its name, and if it cannot be verified, everything is fetched again.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use hex::encode as hex;

use crate::adapters::s3::ListedObject;
use crate::private_folder;

use super::content::md5_of;
use super::error::MediaError;
use super::index::name_of;
use super::local::Folder;
use super::local_files::Unfinished;

const VERSION: u32 = 1;

/// The first line of a note. Each further line is the first byte of a fetched range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    version: u32,
    key: String,
    etag: String,
    size: u64,
    range: u64,
    /// The temporary name of the file.
    name: String,
    inode: u64,
}

/// The notes of one folder.
pub struct Resumes {
    directory: PathBuf,
}

/// The note of an object that is being fetched.
pub struct Begun {
    path: PathBuf,
    head: Head,
    done: Mutex<BTreeSet<u64>>,
}

impl Resumes {
    pub fn open(state: &Path, folder: &Path) -> Result<Resumes, MediaError> {
        let directory = state.join("media").join(format!("{}.ranges", name_of(folder)));
        private_folder::create(&directory).map_err(MediaError::disk("create", &directory))?;
        Ok(Resumes { directory })
    }

    /// The keys of unfinished files that these objects can resume. Deletes the notes of others.
    pub fn keep(&self, objects: &[ListedObject]) -> Result<HashSet<String>, MediaError> {
        let fail = |error| MediaError::disk("read", &self.directory)(error);
        let objects: HashMap<&str, &ListedObject> =
            objects.iter().map(|object| (object.key.as_str(), object)).collect();
        let mut kept = HashSet::new();
        for entry in fs::read_dir(&self.directory).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            let found = read(&path).filter(|(head, _)| {
                let object = objects.get(head.key.as_str());
                object.is_some_and(|one| one.etag == head.etag && one.size == head.size)
            });
            match found {
                Some((head, _)) => {
                    let folder = head.key.rsplit_once('/').map_or("", |(folder, _)| folder);
                    kept.insert(format!("{folder}/{}", head.name));
                }
                // A note that cannot be deleted does no harm: its object no longer matches.
                None => drop(fs::remove_file(&path)),
            }
        }
        Ok(kept)
    }

    /// The file of an earlier run with its ranges, or a new file. It is kept if this run is
    /// interrupted.
    pub fn begin<'a>(
        &self,
        folder: &'a Folder,
        key: &'a str,
        (etag, size, range): (&str, u64, u64),
    ) -> Result<(Unfinished<'a>, Begun), MediaError> {
        let path = self.directory.join(hex(md5_of(key.as_bytes())));
        if let Some((head, done)) = read(&path)
            && (head.key.as_str(), head.etag.as_str()) == (key, etag)
            && (head.size, head.range) == (size, range)
            && let Some(file) = folder.reopen(key, &head.name, head.inode, size)?
        {
            return Ok((file.keep(), Begun { path, head, done: Mutex::new(done) }));
        }
        let file = folder.begin(key)?;
        let head = Head {
            version: VERSION,
            key: key.to_owned(),
            etag: etag.to_owned(),
            size,
            range,
            name: file.name().to_owned(),
            inode: folder.look(&file.file, key)?.inode,
        };
        let begun = Begun { path, head, done: Mutex::default() };
        begun.start_over()?;
        Ok((file.keep(), begun))
    }
}

impl Begun {
    /// The first bytes of the ranges that were fetched already.
    pub fn done(&self) -> BTreeSet<u64> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records a range that was written.
    pub fn note(&self, start: u64) -> Result<(), MediaError> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let write = || -> std::io::Result<()> {
            let mut file: File = OpenOptions::new().append(true).open(&self.path)?;
            file.write_all(format!("{start}\n").as_bytes())
        };
        write().map_err(MediaError::disk("write", &self.path))?;
        done.insert(start);
        Ok(())
    }

    /// Forgets every range, because the bytes were wrong.
    pub fn start_over(&self) -> Result<(), MediaError> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.clear();
        let write = || -> std::io::Result<()> {
            let head = serde_json::to_string(&self.head)?;
            private_folder::write(&self.path, format!("{head}\n").as_bytes())
        };
        write().map_err(MediaError::disk("write", &self.path))
    }

    /// Deletes the note: the object is complete, or must be fetched again.
    pub fn forget(&self) {
        // A note that stays refers to a file that no longer exists, so it does no harm.
        let _ = fs::remove_file(&self.path);
    }
}

/// Reads a note, or `None` if it is not valid. A last line that a kill has cut is ignored.
fn read(path: &Path) -> Option<(Head, BTreeSet<u64>)> {
    let text = fs::read_to_string(path).ok()?;
    let (whole, _) = text.rsplit_once('\n')?;
    let mut lines = whole.lines();
    let head: Head = serde_json::from_str(lines.next()?).ok()?;
    let done: BTreeSet<u64> = lines.map_while(|line| line.parse().ok()).collect();
    let fits = head.version == VERSION
        && head.range > 0
        && done.iter().all(|start| *start < head.size && start % head.range == 0);
    fits.then_some((head, done))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "documents/film.mp4";

    fn object(etag: &str) -> ListedObject {
        let modified = jiff::Timestamp::UNIX_EPOCH;
        ListedObject {
            key: KEY.to_owned(),
            size: 100,
            etag: etag.to_owned(),
            modified,
            is_archived: false,
        }
    }

    #[test]
    fn ranges_are_resumed_only_for_the_same_object_and_file() {
        let (state, media) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = Folder::open(media.path()).unwrap();
        let resumes = Resumes::open(state.path(), media.path()).unwrap();
        let begin = |etag: &str| resumes.begin(&folder, KEY, (etag, 100, 16)).unwrap();
        let (file, begun) = begin("one");
        begun.note(16).unwrap();
        begun.note(32).unwrap();
        let name = file.name().to_owned();
        drop(file);
        let kept = resumes.keep(&[object("one")]).unwrap();
        assert_eq!(kept, HashSet::from([format!("documents/{name}")]));
        // A line that was cut is ignored.
        let mut log = OpenOptions::new().append(true).open(&begun.path).unwrap();
        log.write_all(b"4").unwrap();
        let (file, begun) = begin("one");
        assert_eq!((file.name(), begun.done()), (name.as_str(), BTreeSet::from([16, 32])));
        let (other, begun) = begin("two");
        assert!(other.name() != name && begun.done().is_empty());
        begun.note(0).unwrap();
        let other_name = media.path().join("documents").join(other.name());
        // Another file in its place does not have the ranges.
        fs::write(media.path().join("documents/x"), "").unwrap();
        fs::rename(media.path().join("documents/x"), other_name).unwrap();
        assert!(begin("two").1.done().is_empty());
        assert_eq!(resumes.keep(&[object("three")]).unwrap(), HashSet::new());
        assert_eq!(fs::read_dir(&resumes.directory).unwrap().count(), 0);
    }
}
