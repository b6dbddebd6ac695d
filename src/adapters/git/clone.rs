//! Finds the clone around a folder, as git does.

use std::path::{Path, PathBuf};

use super::error::GitError;
use crate::secret::Secret;

/// A clone on this machine.
#[derive(Debug, Clone)]
pub(super) struct LocalClone {
    /// The `.git` folder, or the git folder of a linked worktree.
    pub folder: PathBuf,
    /// Where git runs: the top of the work tree, or the folder of a bare repository.
    pub top: PathBuf,
    /// Whether it holds the whole history in a form that libgit2 reads.
    pub usable: bool,
}

impl LocalClone {
    /// A clone that lacks history is found too, but is not usable.
    pub fn around(folder: &Path) -> Result<Option<LocalClone>, GitError> {
        let path = match git2::Repository::discover_path(folder, None::<&Path>) {
            Ok(path) => path,
            Err(cause) if cause.code() == git2::ErrorCode::NotFound => return Ok(None),
            Err(cause) => return Err(GitError::library(folder.display().to_string())(cause)),
        };
        match git2::Repository::open(&path) {
            Ok(repository) => Ok(Some(LocalClone {
                folder: repository.path().to_owned(),
                top: repository.workdir().unwrap_or(repository.path()).to_owned(),
                usable: !repository.is_shallow(),
            })),
            // The clone of another user. Git refuses it too, and prints how to allow it.
            Err(cause) if cause.code() == git2::ErrorCode::Owner => {
                Err(GitError::library(path.display().to_string())(cause))
            }
            // For example with refs in a format that libgit2 does not know.
            Err(_) => Ok(Some(LocalClone { top: top_of(&path), folder: path, usable: false })),
        }
    }

    /// The variable that makes git use exactly this clone.
    pub fn variable(&self) -> (String, Secret) {
        ("GIT_DIR".to_owned(), Secret::hidden(self.folder.display().to_string()))
    }
}

/// Whether there is a clone around a folder, in whatever state.
pub fn is_in_clone(folder: &Path) -> bool {
    git2::Repository::discover_path(folder, None::<&Path>).is_ok()
}

fn top_of(folder: &Path) -> PathBuf {
    let above = folder.parent().filter(|_| folder.ends_with(".git"));
    above.unwrap_or(folder).to_owned()
}
