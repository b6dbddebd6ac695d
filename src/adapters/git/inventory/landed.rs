//! Decides whether a branch's changes are on master although its commits are not: squashed,
//! rebased, cherry-picked, or merged by another merge commit.

use std::collections::HashSet;

use git2::{Commit, DiffOptions, MergeOptions, Oid, Repository};

/// How the changes reached master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    /// For each commit of the branch, master has a commit with the same patch.
    EachPatch,
    /// Merging the branch into master would change no file.
    NothingNew,
}

/// How many commits of master are searched for the same patches.
const MOST_COMMITS: usize = 5_000;

/// Looks for the changes of a branch on master. `own` are the branch's commits that master does not
/// have.
pub fn landed(
    repository: &Repository,
    master: Oid,
    tip: Oid,
    own: &HashSet<Oid>,
) -> Result<Option<Landed>, git2::Error> {
    if each_patch(repository, master, tip, own)? {
        return Ok(Some(Landed::EachPatch));
    }
    Ok(nothing_new(repository, master, tip)?.then_some(Landed::NothingNew))
}

fn nothing_new(repository: &Repository, master: Oid, tip: Oid) -> Result<bool, git2::Error> {
    if repository.merge_base(master, tip).is_err() {
        return Ok(false);
    }
    let (master, tip) = (repository.find_commit(master)?, repository.find_commit(tip)?);
    let mut options = MergeOptions::new();
    options.find_renames(true);
    let mut index = repository.merge_commits(&master, &tip, Some(&options))?;
    // A conflict means that something differs, so a person must look.
    Ok(!index.has_conflicts() && index.write_tree_to(repository)? == master.tree_id())
}

fn each_patch(
    repository: &Repository,
    master: Oid,
    tip: Oid,
    own: &HashSet<Oid>,
) -> Result<bool, git2::Error> {
    let mut wanted = HashSet::new();
    for id in own {
        let commit = repository.find_commit(*id)?;
        // Merges are skipped, as `git cherry` does: the commits they join are compared one by one.
        if commit.parent_count() < 2 {
            wanted.insert(patch_id(repository, &commit)?);
        }
    }
    if wanted.is_empty() {
        return Ok(false);
    }
    let mut walk = repository.revwalk()?;
    walk.push(master)?;
    walk.hide(tip)?;
    for id in walk.take(MOST_COMMITS) {
        let commit = repository.find_commit(id?)?;
        if commit.parent_count() < 2 {
            wanted.remove(&patch_id(repository, &commit)?);
        }
        if wanted.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The id of a change, which does not depend on its place in the history.
fn patch_id(repository: &Repository, commit: &Commit<'_>) -> Result<Oid, git2::Error> {
    let parent = commit.parents().next().map(|parent| parent.tree()).transpose()?;
    let mut options = DiffOptions::new();
    options.context_lines(3);
    let tree = commit.tree()?;
    repository.diff_tree_to_tree(parent.as_ref(), Some(&tree), Some(&mut options))?.patchid(None)
}
