//! Reads the files of a commit, and finds the branches that changed them.

use std::collections::{BTreeMap, BTreeSet};

use git2::{Delta, DiffOptions, ObjectType, Oid, TreeWalkMode, TreeWalkResult};

use super::error::GitError;
use super::merge::Choice;
use super::repository::Repository;

/// One file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// From the top of the repository, with slashes.
    pub path: String,
    pub content: FileContent,
}

/// The content at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileContent {
    Bytes(Vec<u8>),
    /// A link or a submodule, which has no text here.
    NotAFile,
    /// Longer than the requested limit.
    TooLong(usize),
}

impl FileContent {
    /// The bytes, or the reason why there are none.
    pub fn into_bytes(self) -> Result<Vec<u8>, String> {
        match self {
            FileContent::Bytes(bytes) => Ok(bytes),
            FileContent::NotAFile => Err("it is a link".to_owned()),
            FileContent::TooLong(size) => Err(format!("it has {size} bytes")),
        }
    }
}

impl Repository {
    /// Reads the files whose path is `wanted`, in the order of their paths.
    pub fn files(
        &self,
        commit: Oid,
        longest: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<TreeFile>, GitError> {
        let failed = || GitError::library(format!("the files of {commit}"));
        let library = self.library()?;
        let tree = library.find_commit(commit).and_then(|commit| commit.tree()).map_err(failed())?;
        let mut found = Vec::new();
        tree.walk(TreeWalkMode::PreOrder, |parent, entry| {
            let path = format!("{parent}{}", String::from_utf8_lossy(entry.name_bytes()));
            if entry.kind() != Some(ObjectType::Tree) && wanted(&path) {
                let is_link = entry.filemode() == i32::from(git2::FileMode::Link);
                let is_file = entry.kind() == Some(ObjectType::Blob) && !is_link;
                found.push((path, is_file.then(|| entry.id())));
            }
            TreeWalkResult::Ok
        })
        .map_err(failed())?;
        let read = found.into_iter().map(|(path, id)| {
            let content = match id {
                None => FileContent::NotAFile,
                Some(id) => {
                    let blob = library.find_blob(id).map_err(failed())?;
                    match blob.size() {
                        size if size > longest => FileContent::TooLong(size),
                        _ => FileContent::Bytes(blob.content().to_vec()),
                    }
                }
            };
            Ok(TreeFile { path, content })
        });
        let mut files = read.collect::<Result<Vec<_>, GitError>>()?;
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(files)
    }

    /// The branches that added or changed each path, compared with the point where they left the
    /// base.
    pub fn brought_by<'a>(
        &self,
        base: Oid,
        branches: impl IntoIterator<Item = &'a Choice>,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, GitError> {
        let library = self.library()?;
        let mut brought: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for branch in branches {
            let failed = || GitError::library(format!("the changes of {}", branch.name));
            let fork = library.merge_base(base, branch.commit).map_err(failed())?;
            let tree = |commit| library.find_commit(commit).and_then(|commit| commit.tree());
            let (before, after) =
                (tree(fork).map_err(failed())?, tree(branch.commit).map_err(failed())?);
            let mut options = DiffOptions::new();
            options.skip_binary_check(true);
            let diff = library
                .diff_tree_to_tree(Some(&before), Some(&after), Some(&mut options))
                .map_err(failed())?;
            for delta in diff.deltas().filter(|delta| delta.status() != Delta::Deleted) {
                let Some(path) = delta.new_file().path_bytes() else { continue };
                let path = String::from_utf8_lossy(path).into_owned();
                brought.entry(path).or_default().insert(branch.name.clone());
            }
        }
        Ok(brought)
    }
}
