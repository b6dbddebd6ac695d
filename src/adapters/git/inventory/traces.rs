//! Finds deleted and rewritten branches in the merges on staging.

use std::collections::HashSet;

use git2::{Commit, Oid, Repository};

use super::Question;
use super::history::reachable;
use super::summary::{CommitSummary, newest_own};
use crate::adapters::git::fetch::Branch;

/// The tip of a branch at the time of its merge to staging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerTip {
    /// The name in the merge's message. `None` if the message has another form.
    pub name: Option<String>,
    /// What was merged.
    pub tip: CommitSummary,
    pub author: String,
    pub author_email: String,
    /// The merge on staging.
    pub merge: CommitSummary,
    pub stale: bool,
    /// Its commits that master does not have.
    pub ahead_of_master: usize,
    /// Whether the origin has a branch of this name that was rewritten later.
    pub rewritten: bool,
}

/// The input of the search.
pub struct Search<'a> {
    pub on_master: &'a HashSet<Oid>,
    /// On staging and not on master.
    pub on_staging: &'a HashSet<Oid>,
    pub question: &'a Question<'a>,
}

impl Search<'_> {
    /// Follows the first parents of staging, and returns each merge of a tip that no branch of the
    /// origin holds. The commits that such a tip explains are added to `accounted`.
    pub fn former_tips(
        &self,
        repository: &Repository,
        staging: Oid,
        others: &[&Branch],
        accounted: &mut HashSet<Oid>,
    ) -> Result<Vec<FormerTip>, git2::Error> {
        let mut former = Vec::new();
        let mut seen = HashSet::new();
        let mut lines = vec![staging];
        while let Some(start) = lines.pop() {
            let mut next = Some(start);
            while let Some(id) = next.filter(|id| self.on_staging.contains(id) && seen.insert(*id))
            {
                let commit = repository.find_commit(id)?;
                next = commit.parent_ids().next();
                if commit.parent_count() < 2 {
                    continue;
                }
                for side in commit.parent_ids().skip(1) {
                    let name = branch_named_in(&String::from_utf8_lossy(commit.message_bytes()));
                    if name.as_deref() == Some(self.question.staging) {
                        // A merge of two copies of staging: follow the other copy too.
                        lines.push(side);
                    } else if !accounted.contains(&side) && !self.on_master.contains(&side) {
                        former.push(self.former_tip(repository, &commit, side, name, others)?);
                        accounted.extend(reachable(repository, [side], self.on_master)?);
                    }
                }
                if commit.parent_ids().skip(1).all(|side| {
                    accounted.contains(&side)
                        || self.on_master.contains(&side)
                        || lines.contains(&side)
                }) {
                    accounted.insert(id);
                }
            }
        }
        Ok(former)
    }

    fn former_tip(
        &self,
        repository: &Repository,
        merge: &Commit<'_>,
        tip: Oid,
        name: Option<String>,
        others: &[&Branch],
    ) -> Result<FormerTip, git2::Error> {
        let own = reachable(repository, [tip], self.on_master)?;
        let tip = CommitSummary::of(&repository.find_commit(tip)?);
        let author = newest_own(repository, &own)?.unwrap_or_else(|| tip.clone());
        Ok(FormerTip {
            rewritten: others.iter().any(|branch| Some(&branch.name) == name.as_ref()),
            name,
            author: author.author,
            author_email: author.author_email,
            merge: CommitSummary::of(merge),
            stale: tip.age(self.question.now) > self.question.stale_after,
            ahead_of_master: own.len(),
            tip,
        })
    }

    /// The commits on staging that were made there.
    pub fn unaccounted(
        &self,
        repository: &Repository,
        accounted: &HashSet<Oid>,
    ) -> Result<Vec<CommitSummary>, git2::Error> {
        let left = self.on_staging.difference(accounted);
        let mut summaries = left
            .map(|id| Ok(CommitSummary::of(&repository.find_commit(*id)?)))
            .collect::<Result<Vec<_>, git2::Error>>()?;
        summaries.sort_by_key(|summary| (std::cmp::Reverse(summary.seconds), summary.commit));
        Ok(summaries)
    }
}

/// The branch that a merge's message names, in the words of git, GitLab and GitHub.
pub fn branch_named_in(message: &str) -> Option<String> {
    let subject = message.lines().next()?;
    let name = if let Some(rest) = subject.strip_prefix("Merge remote-tracking branch '") {
        // `origin/feature/x`: remove the remote's name.
        rest.split_once('\'')?.0.split_once('/')?.1
    } else if let Some(rest) = subject.strip_prefix("Merge branch '") {
        let name = rest.split_once('\'')?.0;
        name.strip_prefix("origin/").unwrap_or(name)
    } else if let Some(rest) = subject.strip_prefix("Merge pull request #") {
        rest.split_once(" from ")?.1.split_once('/')?.1.split_whitespace().next()?
    } else {
        return None;
    };
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_the_messages_of_merges() {
        for (message, name) in [
            ("Merge branch 'feature/x' into 'staging'\n\nSee merge request !1", Some("feature/x")),
            ("Merge branch 'x' of git.torchbox.com:a/b into staging", Some("x")),
            ("Merge remote-tracking branch 'origin/fix/it\u{27} into staging", Some("fix/it")),
            ("Merge pull request #12 from someone/fix/it", Some("fix/it")),
            ("Merge commit 'abc' into staging", None),
            ("Merge branch '' into staging", None),
            ("Merge remote-tracking branch 'origin'", None),
            ("", None),
        ] {
            assert_eq!(branch_named_in(message).as_deref(), name, "{message}");
        }
    }
}
