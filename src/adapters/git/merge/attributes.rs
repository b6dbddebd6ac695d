//! Writes the `.gitattributes` files of one commit into a temporary folder.
//!
//! Git reads merge drivers from the work tree. The operator's work tree may be on another branch,
//! so a folder with only these files replaces it.

use std::path::{Component, Path};

use git2::{ObjectType, Oid, Repository, TreeWalkMode, TreeWalkResult};

use crate::adapters::git::error::GitError;

/// Git itself ignores larger files.
const LONGEST: usize = 100 << 20;

/// Writes the files to their paths in the commit, and replaces existing files.
pub fn write(repository: &Repository, commit: Oid, folder: &Path) -> Result<(), GitError> {
    let failed = || GitError::library(format!("the attributes of {commit}"));
    let tree = repository.find_commit(commit).and_then(|commit| commit.tree()).map_err(failed())?;
    let mut found = Vec::new();
    tree.walk(TreeWalkMode::PreOrder, |parent, entry| {
        if entry.name_bytes() == b".gitattributes" && entry.kind() == Some(ObjectType::Blob) {
            // Git does not follow links for this file, and a path must not leave the folder.
            let inside =
                Path::new(parent).components().all(|part| matches!(part, Component::Normal(_)));
            if entry.filemode() != i32::from(git2::FileMode::Link) && inside {
                found.push((parent.to_owned(), entry.id()));
            }
        }
        TreeWalkResult::Ok
    })
    .map_err(failed())?;
    for (parent, id) in found {
        let blob = repository.find_blob(id).map_err(failed())?;
        if blob.size() <= LONGEST {
            place(&folder.join(parent), blob.content())?;
        }
    }
    Ok(())
}

fn place(folder: &Path, content: &[u8]) -> Result<(), GitError> {
    let file = folder.join(".gitattributes");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, content))
        .map_err(|cause| GitError::Temporary { path: file.display().to_string(), cause })
}
