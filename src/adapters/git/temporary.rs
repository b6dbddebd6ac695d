//! Creates temporary folders, and removes them when they are no longer needed.

use std::fs::{DirEntry, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::GitError;
use crate::{private_folder, process_id};

const BEGINNING: &str = "bcops-git-";

/// A folder that only this user can enter, removed when this is dropped.
#[derive(Debug)]
pub(super) struct TemporaryFolder {
    path: PathBuf,
    /// Shows [`remove_left_over`] of another process that the folder is in use.
    _lock: Option<File>,
}

impl TemporaryFolder {
    pub fn new(parent: &Path) -> Result<TemporaryFolder, GitError> {
        let failed =
            |path: &Path, cause| GitError::Temporary { path: path.display().to_string(), cause };
        private_folder::create(parent).map_err(|cause| failed(parent, cause))?;
        loop {
            let path = parent.join(unused_name());
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(TemporaryFolder { _lock: locked(&path), path }),
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(failed(&path, cause)),
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // A folder that remains does no harm: it holds no secrets and no work of the user.
        _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Removes folders that a killed process left behind. A folder that cannot be removed stays, and
/// does no harm.
pub(super) fn remove_left_over(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(owner_of);
        // A process in a container on the same machine is not visible, but its lock is.
        if owner.is_some_and(process_id::is_gone) && is_own_folder(&entry) {
            let path = entry.path();
            if let Some(_lock) = locked(&path) {
                _ = std::fs::remove_dir_all(&path);
            }
        }
    }
}

fn owner_of(name: &str) -> Option<u32> {
    name.strip_prefix(BEGINNING)?.split_once('-')?.0.parse().ok()
}

/// Checks the owner, because other users may write into the parent folder and put links there.
fn is_own_folder(entry: &DirEntry) -> bool {
    // SAFETY: takes nothing, and cannot fail.
    let user = unsafe { libc::geteuid() };
    entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == user)
}

fn locked(folder: &Path) -> Option<File> {
    let folder = File::open(folder).ok()?;
    folder.try_lock().ok()?;
    Some(folder)
}

/// A name that is probably free. Creating the folder shows whether it is.
fn unused_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{BEGINNING}{}-{}-{count}", std::process::id(), since.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_a_dead_process_are_removed() {
        let parent = tempfile::tempdir().expect("a folder");
        let mut ended = std::process::Command::new("true").spawn().expect("a process");
        ended.wait().expect("an end");
        let make = |name: String| {
            let path = parent.path().join(name);
            std::fs::create_dir(&path).expect("a folder");
            std::fs::write(path.join("file"), "").expect("a file");
            path
        };
        let left = make(format!("{BEGINNING}{}-1-0", ended.id()));
        let held = make(format!("{BEGINNING}{}-1-1", ended.id()));
        let lock = locked(&held).expect("a lock");
        let elsewhere = make("elsewhere".to_owned());
        let link = parent.path().join(format!("{BEGINNING}{}-1-2", ended.id()));
        std::os::unix::fs::symlink(&elsewhere, &link).expect("a link");
        let mine = TemporaryFolder::new(parent.path()).expect("a folder");
        remove_left_over(parent.path());
        assert!(!left.exists());
        assert!(held.exists() && mine.path().exists() && elsewhere.join("file").exists());
        drop(lock);
        remove_left_over(parent.path());
        assert!(!held.exists() && link.exists());
    }
}
