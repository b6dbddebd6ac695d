//! Merges branches one after the other without a work tree, as `git merge --no-ff` would.
//!
//! libgit2 merges in memory. Git 2.38 and newer can do the same, so bcops asks git too and uses its
//! answer: a person at a checkout would get the same result, and git knows more (renamed folders,
//! custom merge drivers). With an older git, libgit2 decides alone.

mod attributes;
mod clash;
mod conflict;
mod engine;
mod opinion;

use git2::Oid;
use serde::{Deserialize, Serialize};

pub use conflict::{Conflict, ConflictKind};

use super::error::GitError;
use super::identity::Identity;
use super::repository::Repository;
use super::{fetch::Branch, names};
use crate::adapters::git::temporary::TemporaryFolder;
use engine::Merged;

/// What to do when a branch does not merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// Skip the branch and continue with the next.
    Skip,
    /// Stop merging.
    Stop,
}

/// What to build.
#[derive(Debug, Clone)]
pub struct Assembly {
    /// The first commit: the tip of the origin's master.
    pub base: Oid,
    /// The name of the base in reports.
    pub base_name: String,
    /// The branch that is built, for the messages of the merges.
    pub into: String,
    pub branches: Vec<Choice>,
    pub on_conflict: OnConflict,
    pub identity: Identity,
}

/// One branch, or the former tip of a branch, to merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The name in reports.
    pub name: String,
    pub commit: Oid,
    /// Whether the origin has a branch of that name. A deleted branch is merged by its commit, as
    /// the message of the merge says.
    pub on_origin: bool,
}

impl From<Branch> for Choice {
    fn from(branch: Branch) -> Choice {
        Choice { name: branch.name, commit: branch.commit, on_origin: true }
    }
}

/// The result of all merges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// The base, with every branch that merged.
    pub tip: Oid,
    /// One outcome for each choice, in the same order.
    pub outcomes: Vec<BranchOutcome>,
    /// Whether git was new enough to check each merge.
    pub confirmed_by_git: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchOutcome {
    pub choice: Choice,
    pub outcome: Outcome,
}

/// The result for one branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Merged by this commit.
    Merged { commit: Oid },
    /// All of its commits were already there.
    AlreadyThere,
    /// Skipped because of conflicts.
    Conflicts(Vec<Conflict>),
    /// Not tried, because an earlier branch did not merge.
    NotTried,
}

impl Assembled {
    /// Whether every branch was merged.
    pub fn is_complete(&self) -> bool {
        self.outcomes
            .iter()
            .all(|branch| matches!(branch.outcome, Outcome::Merged { .. } | Outcome::AlreadyThere))
    }

    /// The merged branches, for reports.
    pub fn merged(&self) -> impl Iterator<Item = &Choice> {
        let merged = |branch: &&BranchOutcome| matches!(branch.outcome, Outcome::Merged { .. });
        self.outcomes.iter().filter(merged).map(|branch| &branch.choice)
    }
}

impl Repository {
    /// Merges the branches. Writes only objects: [`Repository::keep`] names the tip.
    pub async fn assemble(&self, assembly: &Assembly) -> Result<Assembled, GitError> {
        let asks_git = self.can_ask_git().await?;
        let mut assembled =
            Assembled { tip: assembly.base, outcomes: Vec::new(), confirmed_by_git: asks_git };
        let mut stopped = false;
        for choice in &assembly.branches {
            let outcome = if stopped {
                Outcome::NotTried
            } else {
                self.merge_one(assembly, &assembled, choice).await?
            };
            match &outcome {
                Outcome::Merged { commit } => assembled.tip = *commit,
                Outcome::Conflicts(_) => stopped = assembly.on_conflict == OnConflict::Stop,
                Outcome::AlreadyThere | Outcome::NotTried => {}
            }
            assembled.outcomes.push(BranchOutcome { choice: choice.clone(), outcome });
        }
        Ok(assembled)
    }

    async fn merge_one(
        &self,
        assembly: &Assembly,
        so_far: &Assembled,
        choice: &Choice,
    ) -> Result<Outcome, GitError> {
        let (ours, theirs) = (so_far.tip, choice.commit);
        let merged = match self.relation(ours, theirs).await? {
            Relation::Contained => return Ok(Outcome::AlreadyThere),
            Relation::Unrelated => Merged::Conflicts(vec![Conflict::unrelated()]),
            Relation::Diverged => self.merge_trees(ours, theirs, so_far.confirmed_by_git).await?,
        };
        let repository = self.clone();
        let (assembly, so_far, choice) = (assembly.clone(), so_far.clone(), choice.clone());
        in_thread(move || match merged {
            Merged::Tree(tree) => {
                let commit = repository.commit_merge(&assembly, ours, &choice, tree)?;
                Ok(Outcome::Merged { commit })
            }
            Merged::Conflicts(conflicts) => {
                let conflicts = repository.name_sides(&assembly, &so_far, &choice, conflicts)?;
                Ok(Outcome::Conflicts(conflicts))
            }
        })
        .await
    }

    /// Merges two commits' trees, with git's attributes from our side, as in a checkout.
    async fn merge_trees(&self, ours: Oid, theirs: Oid, ask: bool) -> Result<Merged, GitError> {
        let folder = TemporaryFolder::new(self.scratch())?;
        let (repository, path) = (self.clone(), folder.path().to_owned());
        let by_library = in_thread(move || {
            let library = repository.library()?;
            attributes::write(&library, ours, &path)?;
            engine::merge(&library, &path, ours, theirs)
        })
        .await?;
        if ask { self.ask_git(folder.path(), ours, theirs).await } else { Ok(by_library) }
    }

    async fn relation(&self, ours: Oid, theirs: Oid) -> Result<Relation, GitError> {
        let repository = self.clone();
        in_thread(move || {
            let library = repository.library()?;
            match library.merge_bases(ours, theirs) {
                Ok(bases) if bases.contains(&theirs) => Ok(Relation::Contained),
                Ok(_) => Ok(Relation::Diverged),
                Err(cause) if cause.code() == git2::ErrorCode::NotFound => Ok(Relation::Unrelated),
                Err(cause) => Err(GitError::library(format!("the history of {theirs}"))(cause)),
            }
        })
        .await
    }

    fn commit_merge(
        &self,
        assembly: &Assembly,
        ours: Oid,
        choice: &Choice,
        tree: Oid,
    ) -> Result<Oid, GitError> {
        let failed = || GitError::library(format!("the merge of {}", choice.name));
        let library = self.library()?;
        let tree = library.find_tree(tree).map_err(failed())?;
        let ours = library.find_commit(ours).map_err(failed())?;
        let theirs = library.find_commit(choice.commit).map_err(failed())?;
        let author = assembly.identity.author.signature()?;
        let committer = assembly.identity.committer.signature()?;
        let message = message(self.origin().label(), choice, &assembly.into)?;
        library
            .commit(None, &author, &committer, &message, &tree, &[&ours, &theirs])
            .map_err(failed())
    }
}

/// The relation of two commits.
enum Relation {
    /// Theirs is one of our ancestors.
    Contained,
    Unrelated,
    Diverged,
}

/// The message of `git merge --no-ff origin/BRANCH`, the runbook's command.
fn message(origin: &str, choice: &Choice, into: &str) -> Result<String, GitError> {
    if choice.on_origin {
        names::branch_reference(&choice.name)?;
        Ok(format!("Merge remote-tracking branch '{origin}/{}' into {into}\n", choice.name))
    } else {
        Ok(format!("Merge commit '{}' into {into}\n", choice.commit))
    }
}

/// Runs work with libgit2 in a thread, because computing and reading files would block the runtime.
async fn in_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    tokio::task::spawn_blocking(work).await.map_err(GitError::Thread)?
}
