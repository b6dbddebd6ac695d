//! Lists the new commits of a branch, for a person to read.

use git2::Oid;

use super::error::GitError;
use super::repository::Repository;

/// One commit of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitLine {
    pub id: String,
    pub author: String,
    pub subject: String,
}

/// The longest list. More commits would not be read.
const MOST: usize = 200;

impl Repository {
    /// The commits of `tip` that `base` does not have, newest first. Both must be fetched already.
    pub fn commits_since(&self, tip: Oid, base: Oid) -> Result<Vec<CommitLine>, GitError> {
        let failed = || GitError::library(format!("listing the commits between {base} and {tip}"));
        let repository = self.library()?;
        let mut walk = repository.revwalk().map_err(failed())?;
        walk.push(tip).and_then(|()| walk.hide(base)).map_err(failed())?;
        let mut commits = Vec::new();
        for id in walk.take(MOST) {
            let commit = id.and_then(|id| repository.find_commit(id)).map_err(failed())?;
            let text = |bytes: Option<&[u8]>| {
                String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
            };
            commits.push(CommitLine {
                id: commit.id().to_string(),
                author: text(Some(commit.author().name_bytes())),
                subject: text(commit.summary_bytes()),
            });
        }
        Ok(commits)
    }

    /// The runs that kept a tip on the origin, in order.
    pub async fn runs_with_backups(&self) -> Result<Vec<String>, GitError> {
        let prefix = super::names::backup_reference("");
        let tips = self.tips(self.origin(), &[&format!("{prefix}*")]).await?;
        let runs = tips.keys().filter_map(|name| name.strip_prefix(&prefix));
        Ok(runs.map(str::to_owned).collect())
    }
}
