//! Reads and writes single files of the media folder. Each folder on the path is opened without
//! following links, and a file gets its name only when it is complete.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, Timespec, Timestamps, fstat, futimens, mkdirat, openat,
    renameat, statat, unlinkat,
};
use rustix::io::Errno;

use super::error::MediaError;
use super::local::{FOLDER_FLAGS, Folder, LocalFile, is_temporary, temporary_name};

/// A file that is being written. It is deleted on drop unless it is finished or kept for the next
/// run.
pub struct Unfinished<'a> {
    folder: &'a Folder,
    parent: Arc<OwnedFd>,
    name: String,
    key: &'a str,
    pub file: File,
    stays: bool,
}

impl Folder {
    /// Starts a file under a temporary name in its folder.
    pub fn begin<'a>(&'a self, key: &'a str) -> Result<Unfinished<'a>, MediaError> {
        let (parent, _) = self.parent_of(key, true)?;
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let name = temporary_name();
        // The umask reduces this mode, as for any other program.
        let file = openat(&parent, name.as_str(), flags, Mode::from_raw_mode(0o666))
            .map_err(|error| MediaError::disk("write", self.place_of(key))(error.into()))?;
        Ok(Unfinished { folder: self, parent, name, key, file: file.into(), stays: false })
    }

    /// Opens the unfinished file of an earlier run. `None` if another file has taken its place.
    pub fn reopen<'a>(
        &'a self,
        key: &'a str,
        name: &str,
        inode: u64,
        longest: u64,
    ) -> Result<Option<Unfinished<'a>>, MediaError> {
        if !is_temporary(name) {
            return Ok(None);
        }
        let (parent, _) = self.parent_of(key, true)?;
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let Ok(file) = openat(&parent, name, flags, Mode::empty()) else { return Ok(None) };
        let file: File = file.into();
        let found = self.look(&file, key)?;
        if found.inode != inode
            || found.size > longest
            || !file.metadata().is_ok_and(|is| is.is_file())
        {
            return Ok(None);
        }
        let name = name.to_owned();
        Ok(Some(Unfinished { folder: self, parent, name, key, file, stays: false }))
    }

    /// Opens a file to read, and returns its attributes. A link is an error.
    pub fn read(&self, key: &str) -> Result<(File, LocalFile), MediaError> {
        let fail = |error: Errno| MediaError::disk("read", self.place_of(key))(error.into());
        let (parent, name) = self.parent_of(key, false)?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = openat(&parent, name, flags, Mode::empty()).map_err(fail)?;
        let stat = fstat(&file).map_err(fail)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(fail(Errno::INVAL));
        }
        Ok((file.into(), LocalFile::of(key.to_owned(), &stat)))
    }

    /// The current attributes of an open file.
    pub fn look(&self, file: &File, key: &str) -> Result<LocalFile, MediaError> {
        let stat = fstat(file)
            .map_err(|error| MediaError::disk("inspect", self.place_of(key))(error.into()))?;
        Ok(LocalFile::of(key.to_owned(), &stat))
    }

    /// Deletes a file, and the folders below the prefix that are then empty.
    pub fn remove(&self, key: &str) -> Result<(), MediaError> {
        let (parent, name) = self.parent_of(key, false)?;
        match unlinkat(&parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => {
                return Err(MediaError::disk("delete", self.place_of(key))(error.into()));
            }
        }
        self.remove_empty_folders(key);
        Ok(())
    }

    /// Removes the empty folders above a key. The folder of the prefix, the first part of the key,
    /// stays. A folder that is not empty or cannot be removed also stays, which is not a failure.
    fn remove_empty_folders(&self, key: &str) {
        let mut folder = key;
        while let Some((parent, _)) = folder.rsplit_once('/') {
            if !parent.contains('/') {
                return;
            }
            let Ok((above, name)) = self.parent_of(parent, false) else { return };
            if unlinkat(&above, name, AtFlags::REMOVEDIR).is_err() {
                return;
            }
            self.opened.lock().unwrap_or_else(PoisonError::into_inner).remove(parent);
            folder = parent;
        }
    }

    /// Forgets the opened folders at and below a key.
    fn forget_opened(&self, key: &str) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let below = |folder: &str| {
            folder.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        opened.retain(|folder, _| !below(folder));
    }

    /// Whether this disk treats `A` and `a` as one name. An existing file shows it; an empty folder
    /// needs a test file.
    pub fn ignores_case(&self) -> bool {
        let Some(root) = self.root() else { return cfg!(target_os = "macos") };
        let known = Dir::read_from(&root).ok().and_then(|entries| {
            let names = entries.flatten().filter_map(|entry| {
                let name = entry.file_name().to_str().ok()?.to_owned();
                name.contains(|one: char| one.is_ascii_lowercase()).then_some(name)
            });
            let inode = |name: &str| {
                let stat = statat(&root, name, AtFlags::SYMLINK_NOFOLLOW);
                stat.ok().map(|stat| (stat.st_dev, stat.st_ino))
            };
            let mut answers = names.filter_map(|name| {
                Some(inode(&name)? == inode(&name.to_ascii_uppercase()).unwrap_or_default())
            });
            answers.next()
        });
        known.unwrap_or_else(|| self.tries_case(&root))
    }

    fn tries_case(&self, root: &OwnedFd) -> bool {
        let name = temporary_name();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        if openat(root, name.as_str(), flags, Mode::from_raw_mode(0o600)).is_err() {
            return false;
        }
        let found = statat(root, name.to_uppercase(), AtFlags::SYMLINK_NOFOLLOW);
        // If a kill leaves the file here, the next run recognises its name and deletes it.
        let _ = unlinkat(root, name.as_str(), AtFlags::empty());
        found.is_ok()
    }

    /// The opened folder of a key, and the key's last part.
    fn parent_of<'k>(
        &self,
        key: &'k str,
        create: bool,
    ) -> Result<(Arc<OwnedFd>, &'k str), MediaError> {
        let root =
            self.root().ok_or_else(|| MediaError::NoFolder { path: self.path().to_owned() })?;
        let Some((parent, name)) = key.rsplit_once('/') else { return Ok((root, key)) };
        let known = self.opened.lock().unwrap_or_else(PoisonError::into_inner).get(parent).cloned();
        if let Some(opened) = known {
            return Ok((opened, name));
        }
        let mut current = root;
        for part in parent.split('/') {
            current = Arc::new(self.step(&current, part, parent, create)?);
        }
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        // A tree of thousands of folders must not use up the process's open files.
        if opened.len() >= 64 {
            opened.clear();
        }
        opened.insert(parent.to_owned(), Arc::clone(&current));
        Ok((current, name))
    }

    fn step(
        &self,
        current: &OwnedFd,
        part: &str,
        parent: &str,
        create: bool,
    ) -> Result<OwnedFd, MediaError> {
        let fail = |error: Errno| MediaError::disk("open", self.place_of(parent))(error.into());
        match openat(current, part, FOLDER_FLAGS, Mode::empty()) {
            Err(Errno::NOENT) if create => {
                match mkdirat(current, part, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => {
                        return Err(MediaError::disk("create", self.place_of(parent))(
                            error.into(),
                        ));
                    }
                }
                openat(current, part, FOLDER_FLAGS, Mode::empty()).map_err(fail)
            }
            Err(Errno::LOOP | Errno::NOTDIR) => {
                let stat = rustix::fs::statat(current.as_fd(), part, AtFlags::SYMLINK_NOFOLLOW);
                let link = stat
                    .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
                if link {
                    return Err(MediaError::Link { path: self.place_of(parent) });
                }
                Err(fail(Errno::NOTDIR))
            }
            other => other.map_err(fail),
        }
    }
}

/// Removes a folder that contains only empty folders, at any depth.
fn remove_empty_tree(parent: impl AsFd, name: &str) -> Result<(), Errno> {
    let folder = openat(&parent, name, FOLDER_FLAGS, Mode::empty())?;
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let inner = entry.file_name();
        if matches!(inner.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = statat(&folder, inner, AtFlags::SYMLINK_NOFOLLOW)?;
        match (FileType::from_raw_mode(stat.st_mode), inner.to_str()) {
            (FileType::Directory, Ok(inner)) => remove_empty_tree(&folder, inner)?,
            _ => return Err(Errno::NOTEMPTY),
        }
    }
    unlinkat(parent, name, AtFlags::REMOVEDIR)
}

impl Unfinished<'_> {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Keeps the file if the transfer is interrupted from now on.
    pub fn keep(mut self) -> Self {
        self.stays = true;
        self
    }

    pub fn discard(mut self) {
        self.stays = false;
    }

    /// Sets the file's time and gives the file its name, replacing what has that name. A link is
    /// replaced, not followed.
    pub fn finish(mut self, modified: Timestamp) -> Result<LocalFile, MediaError> {
        let place = || self.folder.place_of(self.key);
        let time = Timespec {
            tv_sec: modified.as_second(),
            tv_nsec: modified.subsec_nanosecond().max(0).into(),
        };
        let times = Timestamps { last_access: time, last_modification: time };
        futimens(&self.file, &times)
            .map_err(|error| MediaError::disk("set the time of", place())(error.into()))?;
        let name = self.key.rsplit('/').next().unwrap_or(self.key);
        let put = || renameat(&self.parent, self.name.as_str(), &self.parent, name);
        let put_there = match put() {
            // A folder has the name. An empty one is removed; one with content stays and is an
            // error.
            Err(Errno::ISDIR | Errno::EXIST | Errno::NOTEMPTY) => {
                self.folder.forget_opened(self.key);
                remove_empty_tree(self.parent.as_fd(), name).and_then(|()| put())
            }
            other => other,
        };
        put_there.map_err(|error| MediaError::disk("replace", place())(error.into()))?;
        self.stays = true;
        self.folder.look(&self.file, self.key)
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.stays {
            // If the file cannot be deleted now, the next run recognises its name and deletes it.
            let _ = unlinkat(&self.parent, self.name.as_str(), AtFlags::empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_appears_when_it_is_finished_and_no_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let folder = Folder::open(directory.path()).unwrap();
        let mut file = folder.begin("images/deep/a.jpg").unwrap();
        file.file.write_all(b"abc").unwrap();
        assert!(!directory.path().join("images/deep/a.jpg").exists());
        let done = file.finish("2024-05-01T10:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(done.modified_ns, 1_714_557_600_000_000_000);
        assert_eq!(std::fs::read(directory.path().join("images/deep/a.jpg")).unwrap(), b"abc");
        drop(folder.begin("images/deep/b.jpg").unwrap());
        assert_eq!(std::fs::read_dir(directory.path().join("images/deep")).unwrap().count(), 1);
        symlink(outside.path(), directory.path().join("images/link")).unwrap();
        let error = folder.begin("images/link/x").err().unwrap();
        assert!(matches!(error, MediaError::Link { .. }), "{error}");
        symlink(outside.path().join("x"), directory.path().join("images/file")).unwrap();
        assert!(folder.read("images/file").is_err());
        folder.begin("images/file").unwrap().finish(Timestamp::UNIX_EPOCH).unwrap();
        assert!(!outside.path().join("x").exists());
        std::fs::create_dir_all(directory.path().join("images/empty/in/side")).unwrap();
        drop(folder.begin("images/empty/in/x").unwrap());
        folder.begin("images/empty").unwrap().finish(Timestamp::UNIX_EPOCH).unwrap();
        assert!(directory.path().join("images/empty").is_file());
        let full = folder.begin("images/deep").unwrap().finish(Timestamp::UNIX_EPOCH);
        assert!(full.is_err() && directory.path().join("images/deep/a.jpg").exists());
        folder.remove("images/deep/a.jpg").unwrap();
        assert!(!directory.path().join("images/deep").exists());
        assert!(directory.path().join("images").exists());
    }
}
