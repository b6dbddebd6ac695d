//! Folders that last as long as they are needed.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::GitError;

/// A folder that only this user can enter, removed when this is dropped.
#[derive(Debug)]
pub(super) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    pub fn new(parent: &Path) -> Result<TemporaryFolder, GitError> {
        let failed =
            |path: &Path, cause| GitError::Temporary { path: path.display().to_string(), cause };
        std::fs::create_dir_all(parent).map_err(|cause| failed(parent, cause))?;
        loop {
            let path = parent.join(unused_name());
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(TemporaryFolder(path)),
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(failed(&path, cause)),
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Nothing is lost by a folder that stays: it holds no secret and no work of the user.
        _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Unlikely to be taken; whether it is free is seen when it is made.
fn unused_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("bcops-git-{}-{}-{count}", std::process::id(), since.subsec_nanos())
}
