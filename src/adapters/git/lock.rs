//! Locks a branch against a second operator, with a ref on the origin that only one run can create.
//!
//! The ref points at a commit without parents, whose only file says who holds the lock. Every
//! change of the ref is a push with a lease on the exact commit, so the server decides who was
//! first. A lock never expires: a person who removes it must name the run that holds it.

use std::collections::BTreeSet;

use git2::{ErrorCode, Oid, Signature, Time};
use jiff::Timestamp;

use super::error::GitError;
use super::holder::{Holder, VERSION};
use super::names;
use super::push::{Lease, Pushed, Update};
use super::repository::Repository;

const FILE: &str = "lock.json";
/// No lock that bcops writes is longer.
const LONGEST: usize = 1 << 20;

/// How often a takeover is repeated if the lock changes meanwhile.
const TAKE_OVER_TRIES: u32 = 5;

/// A lock as read from the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The branch that it locks.
    pub branch: String,
    pub commit: Oid,
    pub holder: Holder,
}

impl Repository {
    /// Takes the lock of a branch. A resumed run that already holds the lock gets it again. Any
    /// other run gets [`GitError::Locked`].
    pub async fn take_lock(&self, branch: &str, holder: &Holder) -> Result<Lock, GitError> {
        let commit = self.write_holder(holder)?;
        let pushed = self.push_lock(branch, Some(commit), Lease::Absent).await;
        let error = match pushed {
            Ok(_) => return Ok(Lock { branch: branch.to_owned(), commit, holder: holder.clone() }),
            Err(error) => error,
        };
        if !matches!(error, GitError::LeaseRejected { .. }) && !error.leaves_doubt() {
            return Err(error);
        }
        // Either someone else has the lock, or the answer was lost and the lock may be ours.
        match self.read_lock(branch).await? {
            Some(lock) if lock.holder.run == holder.run => self.take_over(lock, holder).await,
            Some(lock) => Err(GitError::Locked(Box::new(lock.holder))),
            None => Err(error),
        }
    }

    /// Replaces an earlier process of the same run as holder. Pushes that the earlier process had
    /// started may still arrive meanwhile.
    async fn take_over(&self, mut lock: Lock, holder: &Holder) -> Result<Lock, GitError> {
        for _ in 0..TAKE_OVER_TRIES {
            let before = holder.before.clone().or_else(|| lock.holder.before.clone());
            let journal = holder.journal.clone().or_else(|| lock.holder.journal.clone());
            let holder = Holder { since: lock.holder.since, before, journal, ..holder.clone() };
            match self.replace_lock(&lock, &holder).await {
                Err(GitError::LeaseRejected { .. }) => {}
                other => return other,
            }
            lock = match self.read_lock(&lock.branch).await? {
                Some(now) if now.holder.run == holder.run => now,
                Some(now) => return Err(GitError::Locked(Box::new(now.holder))),
                None => {
                    let reference = names::lock_reference(&lock.branch);
                    let remote = self.origin().label().to_owned();
                    return Err(GitError::NotLocked { remote, reference });
                }
            };
        }
        Err(GitError::Locked(Box::new(lock.holder)))
    }

    /// The branches that are locked, or whose lock was removed before the run ended.
    pub async fn branches_with_locks(&self) -> Result<BTreeSet<String>, GitError> {
        let prefixes = [names::lock_reference(""), names::unfinished_reference("")];
        let patterns: Vec<String> = prefixes.iter().map(|prefix| format!("{prefix}*")).collect();
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
        let tips = self.tips(self.origin(), &patterns).await?;
        let branch = |name: &String| {
            let mut prefixes = prefixes.iter();
            prefixes.find_map(|prefix| name.strip_prefix(prefix.as_str()).map(str::to_owned))
        };
        Ok(tips.keys().filter_map(branch).collect())
    }

    /// The lock of a branch, if there is one.
    pub async fn read_lock(&self, branch: &str) -> Result<Option<Lock>, GitError> {
        self.read_lock_at(branch, &names::lock_reference(branch), "lock").await
    }

    /// The lock that was removed before its run ended, if no later run has finished the work.
    pub async fn read_broken_lock(&self, branch: &str) -> Result<Option<Lock>, GitError> {
        self.read_lock_at(branch, &names::unfinished_reference(branch), "unfinished").await
    }

    async fn read_lock_at(
        &self,
        branch: &str,
        reference: &str,
        kept: &str,
    ) -> Result<Option<Lock>, GitError> {
        let Some(commit) = self.tip(self.origin(), reference).await? else { return Ok(None) };
        let kept = self.namespace().reference(kept);
        let fetched = self.fetch(self.origin(), &[format!("+{reference}:{kept}")], None).await;
        if let Err(error) = fetched {
            // The lock may have been released between the two questions.
            return match self.tip(self.origin(), reference).await {
                Ok(None) => Ok(None),
                _ => Err(error),
            };
        }
        // The lock may have changed between the two questions. The second answer counts.
        let commit = self.resolve(&kept)?.unwrap_or(commit);
        let holder = self.read_holder(commit).map_err(|reason| GitError::UnreadableLock {
            remote: self.origin().label().to_owned(),
            reference: reference.to_owned(),
            commit: commit.to_string(),
            reason,
        })?;
        Ok(Some(Lock { branch: branch.to_owned(), commit, holder }))
    }

    /// Records that the run is active. Fails if the lock has changed since it was taken.
    pub async fn refresh_lock(&self, lock: &Lock, now: Timestamp) -> Result<Lock, GitError> {
        self.replace_lock(lock, &Holder { refreshed: now, ..lock.holder.clone() }).await
    }

    /// Writes the lock again with current data. Fails if the lock has changed since it was taken.
    pub async fn replace_lock(&self, lock: &Lock, holder: &Holder) -> Result<Lock, GitError> {
        let commit = self.write_holder(holder)?;
        self.push_lock(&lock.branch, Some(commit), Lease::At(lock.commit)).await?;
        Ok(Lock { commit, holder: holder.clone(), branch: lock.branch.clone() })
    }

    /// Removes exactly this lock, and keeps its content for the run that finishes the work.
    pub async fn break_this_lock(&self, lock: &Lock) -> Result<(), GitError> {
        let unfinished = names::unfinished_reference(&lock.branch);
        let there = self.tip(self.origin(), &unfinished).await?;
        let updates = [
            Update {
                reference: names::lock_reference(&lock.branch),
                to: None,
                lease: Lease::At(lock.commit),
            },
            Update { reference: unfinished, to: Some(lock.commit), lease: Lease::from(there) },
        ];
        self.push(self.origin(), &updates, None).await?;
        Ok(())
    }

    /// Deletes the record of a removed lock, once the work of its run is finished.
    pub async fn forget_broken_lock(&self, branch: &str) -> Result<(), GitError> {
        let reference = names::unfinished_reference(branch);
        let Some(commit) = self.tip(self.origin(), &reference).await? else { return Ok(()) };
        let update = Update { reference, to: None, lease: Lease::At(commit) };
        match self.push(self.origin(), &[update], None).await {
            Ok(_) | Err(GitError::LeaseRejected { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Releases the lock. A missing lock counts as released.
    pub async fn release_lock(&self, lock: &Lock) -> Result<(), GitError> {
        match self.push_lock(&lock.branch, None, Lease::At(lock.commit)).await {
            Ok(_) => Ok(()),
            Err(GitError::LeaseRejected { now: None, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes the lock of a dead run. The caller must name the run.
    pub async fn break_lock(&self, branch: &str, run: &str) -> Result<Holder, GitError> {
        let Some(lock) = self.read_lock(branch).await? else {
            return Err(GitError::NotLocked {
                remote: self.origin().label().to_owned(),
                reference: names::lock_reference(branch),
            });
        };
        if lock.holder.run != run {
            let (run, holder) = (run.to_owned(), Box::new(lock.holder));
            return Err(GitError::AnothersLock { run, holder });
        }
        self.release_lock(&lock).await?;
        Ok(lock.holder)
    }

    async fn push_lock(
        &self,
        branch: &str,
        to: Option<Oid>,
        lease: Lease,
    ) -> Result<Vec<Pushed>, GitError> {
        names::branch_reference(branch)?;
        let update = Update { reference: names::lock_reference(branch), to, lease };
        self.push(self.origin(), &[update], None).await
    }

    fn write_holder(&self, holder: &Holder) -> Result<Oid, GitError> {
        let failed = || GitError::library("writing the lock");
        let library = self.library()?;
        let text = serde_json::to_vec_pretty(holder)
            .map_err(|cause| git2::Error::from_str(&cause.to_string()))
            .map_err(failed())?;
        let blob = library.blob(&text).map_err(failed())?;
        let mut tree = library.treebuilder(None).map_err(failed())?;
        tree.insert(FILE, blob, i32::from(git2::FileMode::Blob)).map_err(failed())?;
        let tree = tree.write().and_then(|id| library.find_tree(id)).map_err(failed())?;
        let time = Time::new(holder.refreshed.as_second(), 0);
        let signature = Signature::new("bcops", "bcops@localhost", &time).map_err(failed())?;
        let message = format!("Locked by {holder}\n");
        library.commit(None, &signature, &signature, &message, &tree, &[]).map_err(failed())
    }

    /// Reads a lock that another bcops wrote. The error is a short reason.
    fn read_holder(&self, commit: Oid) -> Result<Holder, String> {
        let library = self.library().map_err(|error| error.to_string())?;
        let read = || {
            let tree = library.find_commit(commit)?.tree()?;
            let file = tree.get_name(FILE).ok_or_else(|| git2::Error::from_str("no lock.json"))?;
            library.find_blob(file.id())
        };
        let blob = read().map_err(|cause| match cause.code() {
            ErrorCode::NotFound => "it is not a lock of bcops".to_owned(),
            _ => cause.message().to_owned(),
        })?;
        if blob.size() > LONGEST {
            return Err("it is too long".to_owned());
        }
        let holder: Holder =
            serde_json::from_slice(blob.content()).map_err(|cause| cause.to_string())?;
        match holder.version {
            VERSION => Ok(holder),
            version => Err(format!("it has version {version}, from a newer bcops")),
        }
    }
}
