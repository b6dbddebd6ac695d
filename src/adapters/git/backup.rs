//! Keeps the tip of a branch from before a run, for a rollback.

use git2::Oid;

use super::error::GitError;
use super::names;
use super::push::{Lease, Update};
use super::remote::Remote;
use super::repository::Repository;

/// The place where the old tip is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupPlace {
    /// On the origin, so that anyone can roll back from any machine.
    Origin { reference: String },
    /// In the clone only, because the origin refused the ref.
    Clone { reference: String, refused: String },
}

const KEPT: &str = "backup";
const DEPLOYED: &str = "deployed";

impl Repository {
    /// Keeps a tip under the run's id: on the origin, or in the clone if the origin refuses. A
    /// temporary repository cannot keep a tip, so the refusal is then the error. A second call
    /// changes nothing.
    pub async fn back_up_tip(&self, tip: Oid) -> Result<BackupPlace, GitError> {
        let reference = names::backup_reference(self.run());
        let update = Update { reference: reference.clone(), to: Some(tip), lease: Lease::Absent };
        match self.push(self.origin(), &[update], None).await {
            Ok(_) => Ok(BackupPlace::Origin { reference }),
            Err(error) if is_refusal(&error) && !self.is_temporary() => {
                let reference = self.keep(KEPT, tip)?;
                Ok(BackupPlace::Clone { reference, refused: error.to_string() })
            }
            Err(error) => Err(error),
        }
    }

    /// The tip that a run kept, read without a fetch.
    pub async fn seen_backed_up_tip(&self) -> Result<Option<Oid>, GitError> {
        let reference = names::backup_reference(self.run());
        match self.tip(self.origin(), &reference).await? {
            Some(tip) => Ok(Some(tip)),
            None => self.kept(KEPT),
        }
    }

    /// Fetches the tip that a run kept, so that it can be pushed back.
    pub async fn backed_up_tip(&self) -> Result<Option<Oid>, GitError> {
        let reference = names::backup_reference(self.run());
        if self.tip(self.origin(), &reference).await?.is_none() {
            return self.kept(KEPT);
        }
        let kept = self.namespace().reference(KEPT);
        self.fetch(self.origin(), &[format!("+{reference}:{kept}")], None).await?;
        self.kept(KEPT)
    }

    /// Fetches the branch that Heroku builds, and returns whether that brought the commit.
    pub async fn fetch_deployed(
        &self,
        remote: &Remote,
        reference: &str,
        commit: Oid,
    ) -> Result<bool, GitError> {
        let kept = self.namespace().reference(DEPLOYED);
        self.fetch(remote, &[format!("+{reference}:{kept}")], None).await?;
        self.has_commit(commit)
    }

    /// Keeps a deployed commit that no branch of the origin has: in the clone, and on the origin if
    /// the origin accepts it.
    pub async fn back_up_deployed(&self, commit: Oid) -> Result<(), GitError> {
        self.keep(DEPLOYED, commit)?;
        let reference = names::deployed_reference(self.run());
        let update = Update { reference, to: Some(commit), lease: Lease::Absent };
        match self.push(self.origin(), &[update], None).await {
            Ok(_) => Ok(()),
            Err(error) if is_refusal(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Fetches the commit that [`Repository::back_up_deployed`] kept on the origin, if there is
    /// one.
    pub async fn backed_up_deployed(&self) -> Result<Option<Oid>, GitError> {
        let reference = names::deployed_reference(self.run());
        if self.tip(self.origin(), &reference).await?.is_some() {
            let kept = self.namespace().reference(DEPLOYED);
            self.fetch(self.origin(), &[format!("+{reference}:{kept}")], None).await?;
        }
        self.kept(DEPLOYED)
    }

    /// Removes a backup that is no longer needed. A missing backup counts as removed.
    pub async fn forget_backup(&self) -> Result<(), GitError> {
        self.forget_on_origin(names::deployed_reference(self.run())).await?;
        self.forget_on_origin(names::backup_reference(self.run())).await
    }

    async fn forget_on_origin(&self, reference: String) -> Result<(), GitError> {
        let Some(tip) = self.tip(self.origin(), &reference).await? else { return Ok(()) };
        let update = Update { reference, to: None, lease: Lease::At(tip) };
        match self.push(self.origin(), &[update], None).await {
            Ok(_) | Err(GitError::LeaseRejected { now: None, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether the server refused the ref, as opposed to being unreachable.
fn is_refusal(error: &GitError) -> bool {
    matches!(
        error,
        GitError::HookDeclined { .. } | GitError::Refused { .. } | GitError::ProtectedBranch { .. }
    )
}
