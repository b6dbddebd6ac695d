//! Lists the media folder without following any link.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;

use super::error::MediaError;
use super::keys::{KeyProblem, Refused};

/// The local folder that corresponds to a bucket.
pub struct Folder {
    path: PathBuf,
    /// `None` while the folder does not exist.
    root: Mutex<Option<Arc<OwnedFd>>>,
    /// Subfolders that were opened, by their keys.
    pub(super) opened: Mutex<HashMap<String, Arc<OwnedFd>>>,
}

/// A file's attributes. Any write changes one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    pub key: String,
    pub size: u64,
    pub modified_ns: i64,
    pub changed_ns: i64,
    pub inode: u64,
}

/// All files below some prefixes.
#[derive(Debug, Default)]
pub struct Walk {
    /// Sorted by key.
    pub files: Vec<LocalFile>,
    /// Links, sockets, names that are not UTF-8: not read, not replaced and not deleted.
    pub refused: Vec<Refused>,
    /// Unfinished files of killed runs.
    pub leftovers: Vec<String>,
}

impl Walk {
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The keys and folders that must not be touched.
    pub fn refused_places(&self) -> HashSet<String> {
        self.refused.iter().map(|one| one.place().to_owned()).collect()
    }
}

const PREFIX: &str = ".bcops-";
const SUFFIX: &str = ".part";

/// Whether the name belongs to an unfinished transfer.
pub fn is_temporary(name: &str) -> bool {
    name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)).is_some_and(|middle| {
        middle.len() == 16 && middle.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// A unique name for an unfinished transfer.
pub fn temporary_name() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{PREFIX}{:016x}{SUFFIX}", RandomState::new().hash_one(std::process::id()))
}

impl LocalFile {
    #[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
    pub fn of(key: String, stat: &Stat) -> LocalFile {
        let nanoseconds =
            |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        LocalFile {
            key,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified_ns: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed_ns: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            inode: stat.st_ino as u64,
        }
    }
}

pub(super) const FOLDER_FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

impl Folder {
    /// Opens the folder if it exists. The folder itself may be a link, because the user configured
    /// it.
    pub fn open(path: &Path) -> Result<Folder, MediaError> {
        let root = match rustix::fs::open(
            path,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        ) {
            Ok(root) => Some(Arc::new(root)),
            Err(Errno::NOENT) => None,
            Err(error) => return Err(MediaError::disk("open", path)(error.into())),
        };
        Ok(Folder { path: path.to_owned(), root: Mutex::new(root), opened: Mutex::default() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn place_of(&self, key: &str) -> PathBuf {
        self.path.join(key)
    }

    pub fn is_there(&self) -> bool {
        self.root().is_some()
    }

    pub(super) fn root(&self) -> Option<Arc<OwnedFd>> {
        self.root.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Creates the folder and its parents.
    pub fn create(&self) -> Result<(), MediaError> {
        if self.is_there() {
            return Ok(());
        }
        std::fs::create_dir_all(&self.path).map_err(MediaError::disk("create", &self.path))?;
        let opened = Folder::open(&self.path)?.root();
        *self.root.lock().unwrap_or_else(PoisonError::into_inner) = opened;
        Ok(())
    }

    /// Lists all files below the prefixes. Anything that cannot be read is an error, because an
    /// unreadable folder must not look empty.
    pub fn walk(&self, prefixes: &[String]) -> Result<Walk, MediaError> {
        let mut walk = Walk::default();
        let Some(root) = self.root() else { return Ok(walk) };
        walk.leftovers = self.leftovers_of(&root)?;
        for prefix in prefixes {
            let folder = prefix.trim_end_matches('/');
            if let Some(opened) = self.open_prefix(&root, folder)? {
                self.walk_folder(opened, folder, &mut walk)?;
            }
        }
        walk.files.sort_unstable_by(|one, two| one.key.cmp(&two.key));
        Ok(walk)
    }

    /// Unfinished files of killed runs directly in the folder. Other files there are ignored.
    fn leftovers_of(&self, root: &OwnedFd) -> Result<Vec<String>, MediaError> {
        let fail = |error: Errno| MediaError::disk("read", &self.path)(error.into());
        let mut leftovers = Vec::new();
        for entry in Dir::read_from(root).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let is_file = || {
                statat(root, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| {
                    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
                })
            };
            if is_temporary(name) && is_file() {
                leftovers.push(name.to_owned());
            }
        }
        Ok(leftovers)
    }

    /// Opens the folder of a prefix part by part. A link there is an error: if it were skipped, all
    /// its files would seem deleted.
    fn open_prefix(&self, root: &OwnedFd, folder: &str) -> Result<Option<OwnedFd>, MediaError> {
        let mut current: Option<OwnedFd> = None;
        let mut so_far = self.path.clone();
        for part in folder.split('/') {
            so_far.push(part);
            let parent = current.as_ref().map_or(root.as_fd(), AsFd::as_fd);
            match openat(parent, part, FOLDER_FLAGS, Mode::empty()) {
                Ok(opened) => current = Some(opened),
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::LOOP | Errno::NOTDIR) if is_link(parent, part) => {
                    return Err(MediaError::Link { path: so_far });
                }
                Err(error) => return Err(MediaError::disk("open", so_far)(error.into())),
            }
        }
        Ok(current)
    }

    fn walk_folder(&self, folder: OwnedFd, key: &str, walk: &mut Walk) -> Result<(), MediaError> {
        let fail = |error: Errno| MediaError::disk("read", self.place_of(key))(error.into());
        let mut inner = Vec::new();
        for entry in Dir::read_from(&folder).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let bytes = entry.file_name().to_bytes();
            if matches!(bytes, b"." | b"..") {
                continue;
            }
            let Ok(name) = std::str::from_utf8(bytes) else {
                let shown = Path::new(OsStr::from_bytes(bytes)).display().to_string();
                let key = format!("{key}/{shown}");
                walk.refused.push(Refused { key, problem: KeyProblem::NotUtf8 });
                continue;
            };
            let entry_key = format!("{key}/{name}");
            let stat = match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                // Deleted since it was listed.
                Err(Errno::NOENT) => continue,
                Err(error) => {
                    return Err(MediaError::disk("inspect", self.place_of(&entry_key))(
                        error.into(),
                    ));
                }
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => inner.push((name.to_owned(), entry_key)),
                FileType::RegularFile if is_temporary(name) => walk.leftovers.push(entry_key),
                FileType::RegularFile => walk.files.push(LocalFile::of(entry_key, &stat)),
                FileType::Symlink => {
                    walk.refused.push(Refused { key: entry_key, problem: KeyProblem::Link });
                }
                _ => walk.refused.push(Refused { key: entry_key, problem: KeyProblem::NoFile }),
            }
        }
        for (name, entry_key) in inner {
            let opened =
                openat(&folder, name.as_str(), FOLDER_FLAGS, Mode::empty()).map_err(|error| {
                    MediaError::disk("open", self.place_of(&entry_key))(error.into())
                })?;
            self.walk_folder(opened, &entry_key, walk)?;
        }
        Ok(())
    }
}

fn is_link(parent: impl AsFd, name: &str) -> bool {
    statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_files_below_the_prefixes_are_listed() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        std::fs::create_dir_all(root.join("images/deep")).unwrap();
        std::fs::create_dir_all(root.join("other")).unwrap();
        for name in [
            "images/b",
            "images/deep/a",
            "other/x",
            "images/.bcops-0123456789abcdef.part",
            ".bcops-fedcba9876543210.part",
        ] {
            std::fs::write(root.join(name), name).unwrap();
        }
        symlink("/etc", root.join("images/link")).unwrap();
        symlink(".", root.join("images/loop")).unwrap();
        symlink("nowhere", root.join("images/dangling")).unwrap();
        let folder = Folder::open(root).unwrap();
        let walk = folder.walk(&["images/".to_owned(), "documents/".to_owned()]).unwrap();
        let keys: Vec<&str> = walk.files.iter().map(|file| file.key.as_str()).collect();
        assert_eq!(keys, ["images/b", "images/deep/a"]);
        let leftovers = [".bcops-fedcba9876543210.part", "images/.bcops-0123456789abcdef.part"];
        assert_eq!(walk.leftovers, leftovers);
        assert_eq!(walk.refused.len(), 3);
        assert!(walk.refused_places().contains("images/link"));
    }

    #[test]
    fn a_prefix_that_is_a_link_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        symlink("/etc", directory.path().join("images")).unwrap();
        let folder = Folder::open(directory.path()).unwrap();
        let error = folder.walk(&["images/".to_owned()]).unwrap_err();
        assert!(matches!(error, MediaError::Link { .. }), "{error}");
    }

    #[test]
    fn temporary_names_are_recognised() {
        assert!(is_temporary(&temporary_name()));
        assert!(!is_temporary(".bcops-x.part"));
        assert!(!is_temporary("a.part"));
    }
}
