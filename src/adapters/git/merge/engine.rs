//! Merges two commits in memory with libgit2.

use std::collections::BTreeMap;
use std::path::Path;

use git2::{Index, IndexEntry, MergeOptions, Oid, Repository};

use super::conflict::{Conflict, kind_of};
use crate::adapters::git::error::GitError;

/// The most renamed files that are paired, as with `merge.renameLimit`.
const MOST_RENAMES: u32 = 7000;

/// The result of merging two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    Tree(Oid),
    Conflicts(Vec<Conflict>),
}

/// Merges two commits. Several common ancestors are merged first. `attributes` is the folder that
/// replaces a work tree.
pub fn merge(
    repository: &Repository,
    attributes: &Path,
    ours: Oid,
    theirs: Oid,
) -> Result<Merged, GitError> {
    let failed = || GitError::library(format!("merging {theirs}"));
    // Both calls affect only this handle: the clone's settings and index do not change.
    repository.set_workdir(attributes, false).map_err(failed())?;
    let mut empty = Index::new().map_err(failed())?;
    repository.set_index(&mut empty).map_err(failed())?;

    let ours = repository.find_commit(ours).map_err(failed())?;
    let theirs = repository.find_commit(theirs).map_err(failed())?;
    let mut options = MergeOptions::new();
    options.find_renames(true).target_limit(MOST_RENAMES);
    let mut index = repository.merge_commits(&ours, &theirs, Some(&options)).map_err(failed())?;
    if index.has_conflicts() {
        return conflicts(&index).map(Merged::Conflicts).map_err(failed());
    }
    index.write_tree_to(repository).map(Merged::Tree).map_err(failed())
}

fn conflicts(index: &Index) -> Result<Vec<Conflict>, git2::Error> {
    // One conflict for each path, because a rename has several entries.
    let mut found = BTreeMap::new();
    for conflict in index.conflicts()? {
        let conflict = conflict?;
        let sides = [&conflict.our, &conflict.their, &conflict.ancestor];
        let Some(entry) = sides.into_iter().flatten().next() else { continue };
        let path = String::from_utf8_lossy(&entry.path).into_owned();
        let mode = |entry: &Option<IndexEntry>| entry.as_ref().map(|entry| entry.mode);
        let kind = kind_of(mode(&conflict.ancestor), mode(&conflict.our), mode(&conflict.their));
        found.insert(path.clone(), Conflict::at(path, kind));
    }
    Ok(found.into_values().collect())
}
