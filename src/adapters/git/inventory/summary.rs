//! Summarizes a commit for a list.

use std::collections::HashSet;
use std::time::Duration;

use git2::{Commit, Oid, Repository};
use jiff::Timestamp;

/// What a list shows of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitSummary {
    pub commit: Oid,
    pub author: String,
    pub author_email: String,
    /// When it was committed, in seconds since 1970.
    pub seconds: i64,
    /// The first line of its message.
    pub subject: String,
}

impl CommitSummary {
    pub(super) fn of(commit: &Commit<'_>) -> CommitSummary {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let author = commit.author();
        CommitSummary {
            commit: commit.id(),
            author: text(author.name_bytes()),
            author_email: text(author.email_bytes()),
            seconds: commit.time().seconds(),
            subject: commit.summary_bytes().map(text).unwrap_or_default(),
        }
    }

    /// The time since the commit. A commit from the future has age zero.
    pub fn age(&self, now: Timestamp) -> Duration {
        let seconds = now.as_second().saturating_sub(self.seconds);
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    }
}

/// The newest of the commits, merges excluded.
pub(super) fn newest_own(
    repository: &Repository,
    own: &HashSet<Oid>,
) -> Result<Option<CommitSummary>, git2::Error> {
    let mut newest: Option<CommitSummary> = None;
    for id in own {
        let commit = repository.find_commit(*id)?;
        let summary = CommitSummary::of(&commit);
        let order = |summary: &CommitSummary| (summary.seconds, summary.commit);
        if commit.parent_count() < 2
            && newest.as_ref().is_none_or(|newest| order(newest) < order(&summary))
        {
            newest = Some(summary);
        }
    }
    Ok(newest)
}
