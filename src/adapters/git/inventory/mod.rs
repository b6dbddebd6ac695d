//! Lists what is on staging and not on master: by branch, and commits that no branch explains.
//!
//! The runbook's question is `git branch --merged`. It misses branches with newer commits after
//! their merge, branches that were deleted later, and commits made on staging itself. All of these
//! would be lost silently.

mod history;
mod landed;
mod summary;
mod traces;

use std::collections::HashSet;
use std::time::Duration;

use git2::{Oid, Repository as Library};
use jiff::Timestamp;

pub use landed::Landed;
pub use summary::CommitSummary;
pub use traces::{FormerTip, branch_named_in};

use super::error::GitError;
use super::fetch::Branch;
use super::repository::Repository;
use history::reachable;

/// What to compare.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The branch that staging is reset to.
    pub master: &'a str,
    pub staging: &'a str,
    /// A branch whose last commit is older is marked as stale.
    pub stale_after: Duration,
    pub now: Timestamp,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    pub master: Oid,
    pub staging: Oid,
    /// Branches of the origin that have commits on staging and not on master, by name.
    pub branches: Vec<BranchReport>,
    /// Merges to staging whose branch was deleted or rewritten later.
    pub former: Vec<FormerTip>,
    /// Commits on staging that nothing above explains, newest first.
    pub unaccounted: Vec<CommitSummary>,
}

/// A branch of the origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchReport {
    pub name: String,
    /// The tip.
    pub last: CommitSummary,
    /// The author of the branch's newest own commit that is not a merge.
    pub author: String,
    pub author_email: String,
    pub age: Duration,
    pub stale: bool,
    /// How many of its commits master does not have.
    pub ahead_of_master: usize,
    /// How many of its commits staging does not have: they were pushed after the merge.
    pub ahead_of_staging: usize,
    /// How many of its commits are on staging and not on master.
    pub on_staging: usize,
    /// How its changes reached master without its commits, if they did.
    pub landed: Option<Landed>,
}

impl Repository {
    /// Compares the fetched branches.
    pub fn inventory(&self, question: &Question<'_>) -> Result<Inventory, GitError> {
        let branches = self.fetched_branches()?;
        let tip = |name: &str| {
            let branch = branches.iter().find(|branch| branch.name == name);
            branch.map(|branch| branch.commit).ok_or_else(|| GitError::NoSuchBranch {
                remote: self.origin().label().to_owned(),
                name: name.to_owned(),
            })
        };
        let (master, staging) = (tip(question.master)?, tip(question.staging)?);
        let others = branches.iter().filter(|branch| {
            ![question.master, question.staging, "HEAD"].contains(&branch.name.as_str())
        });
        let others: Vec<&Branch> = others.collect();
        let library = self.library()?;
        compare(&library, question, master, staging, &others)
            .map_err(GitError::library("comparing the branches"))
    }
}

fn compare(
    library: &Library,
    question: &Question<'_>,
    master: Oid,
    staging: Oid,
    others: &[&Branch],
) -> Result<Inventory, git2::Error> {
    let on_master = reachable(library, [master], &HashSet::new())?;
    let on_staging = reachable(library, [staging], &on_master)?;
    let mut accounted = HashSet::new();
    let mut branches = Vec::new();
    for branch in others {
        let own = reachable(library, [branch.commit], &on_master)?;
        let shared = own.intersection(&on_staging).count();
        if shared == 0 {
            continue;
        }
        accounted.extend(own.intersection(&on_staging).copied());
        branches.push(report(library, question, master, branch, &own, shared)?);
    }
    let search = traces::Search { on_master: &on_master, on_staging: &on_staging, question };
    let former = search.former_tips(library, staging, others, &mut accounted)?;
    let unaccounted = search.unaccounted(library, &accounted)?;
    Ok(Inventory { master, staging, branches, former, unaccounted })
}

fn report(
    library: &Library,
    question: &Question<'_>,
    master: Oid,
    branch: &Branch,
    own: &HashSet<Oid>,
    shared: usize,
) -> Result<BranchReport, git2::Error> {
    let last = CommitSummary::of(&library.find_commit(branch.commit)?);
    let author = summary::newest_own(library, own)?.unwrap_or_else(|| last.clone());
    let age = last.age(question.now);
    Ok(BranchReport {
        name: branch.name.clone(),
        author: author.author,
        author_email: author.author_email,
        age,
        stale: age > question.stale_after,
        ahead_of_master: own.len(),
        ahead_of_staging: own.len() - shared,
        on_staging: shared,
        landed: landed::landed(library, master, branch.commit, own)?,
        last,
    })
}
