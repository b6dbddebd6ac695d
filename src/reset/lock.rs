//! Implements the lock of a reset as a ref on the origin, which only one operator can create.

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::adapters::git::{GitError, Holder as GitHolder, Lock, Repository};
use crate::runbook::{Essence, History, Holder, LockError, Operator, RunId, RunLock};

use super::values::{BACKUP, FORMATION_BEFORE, MAINTENANCE_BEFORE, RELEASE_AT_START};

/// The lock for one branch.
pub struct OriginLock {
    repository: Repository,
    branch: String,
    /// The lock to take over. Any other lock is left alone.
    expects: Option<SeenLock>,
    /// Held while the lock is changed, because refreshes and steps write it at the same time.
    held: Mutex<Option<Lock>>,
}

/// A lock as it was read. It can be broken only while the origin has exactly this lock.
#[derive(Debug, Clone)]
pub struct SeenLock {
    pub holder: Holder,
    lock: Lock,
}

impl OriginLock {
    pub fn new(repository: Repository, branch: &str) -> Self {
        OriginLock { repository, branch: branch.to_owned(), expects: None, held: Mutex::default() }
    }

    /// Takes over exactly the lock that was read. A process that resumes the run in the meantime
    /// keeps the lock.
    pub fn expecting(self, seen: SeenLock) -> Self {
        OriginLock { expects: Some(seen), ..self }
    }

    /// Reads the lock.
    pub async fn look(&self) -> Result<Option<SeenLock>, LockError> {
        let lock = self.repository.read_lock(&self.branch).await;
        Ok(lock.map_err(|error| self.unusable(error))?.and_then(seen))
    }

    /// Reads the broken lock, which is kept until its run is finished or rolled back.
    pub async fn look_at_broken(&self) -> Result<Option<SeenLock>, LockError> {
        let lock = self.repository.read_broken_lock(&self.branch).await;
        Ok(lock.map_err(|error| self.unusable(error))?.and_then(seen))
    }

    /// Breaks the lock that was read, and no other.
    pub async fn break_seen(&self, seen: &SeenLock) -> Result<(), LockError> {
        let run = &seen.holder.run;
        match self.repository.break_this_lock(&seen.lock).await {
            Ok(()) => Ok(()),
            Err(GitError::LeaseRejected { .. }) => match self.look().await? {
                Some(now) => Err(LockError::Held { holder: Box::new(now.holder) }),
                None => Err(LockError::NotThere { run: run.clone() }),
            },
            Err(error) => Err(self.unusable(error)),
        }
    }

    /// Removes the broken lock after its unfinished run was completed.
    pub async fn forget_broken(&self) -> Result<(), LockError> {
        let forgotten = self.repository.forget_broken_lock(&self.branch).await;
        forgotten.map_err(|error| self.unusable(error))
    }

    /// The repository in the run's namespace, into whose refs the lock is read.
    fn of_run(&self, run: &RunId) -> Result<Repository, LockError> {
        self.repository.for_run(run.as_str()).map_err(|error| self.unusable(error))
    }

    fn unusable(&self, error: GitError) -> LockError {
        let place = format!("of {}", self.branch);
        match error {
            GitError::UnreadableLock { ref remote, ref reference, .. } => {
                let removal = format!("git push {remote} --delete {reference}");
                LockError::Unreadable { place, removal, source: Box::new(error) }
            }
            error => LockError::Unusable { place, source: Box::new(error) },
        }
    }

    fn translate(&self, error: GitError) -> LockError {
        match error {
            GitError::Locked(holder) => match from_git(&holder) {
                Some(holder) => LockError::Held { holder: Box::new(holder) },
                None => self.unusable(GitError::Locked(holder)),
            },
            error => self.unusable(error),
        }
    }

    /// Writes the lock again, while this process holds it.
    async fn write(&self, holder: &Holder) -> Result<(), LockError> {
        let lost = || LockError::Lost { run: holder.run.clone() };
        let mut held = self.held.lock().await;
        let lock = held.clone().ok_or_else(lost)?;
        let repository = self.of_run(&holder.run)?;
        let now = GitHolder { since: lock.holder.since, ..to_git(holder) };
        let replaced = match repository.replace_lock(&lock, &now).await {
            Err(GitError::LeaseRejected { .. }) => {
                // An earlier refresh may have arrived although its answer was lost.
                let there = repository.read_lock(&self.branch).await;
                match there.map_err(|error| self.unusable(error))? {
                    Some(there) if there.holder.is_same_process(&now) => {
                        repository.replace_lock(&there, &now).await
                    }
                    _ => return Err(lost()),
                }
            }
            other => other,
        };
        *held = Some(replaced.map_err(|error| self.unusable(error))?);
        Ok(())
    }
}

fn seen(lock: Lock) -> Option<SeenLock> {
    Some(SeenLock { holder: from_git(&lock.holder)?, lock })
}

fn to_git(holder: &Holder) -> GitHolder {
    let Operator { who, host, pid, beginning } = &holder.operator;
    let mut git = GitHolder::new(who, host, holder.run.as_str(), &holder.command, holder.at);
    git.process = *pid;
    git.process_beginning = beginning.clone();
    git.since = holder.since.unwrap_or(holder.at);
    if let Some(essence) = &holder.essence {
        git.before = Some(before(essence));
        git.journal = serde_json::to_value(essence).ok();
    }
    git
}

fn from_git(holder: &GitHolder) -> Option<Holder> {
    let operator = Operator {
        who: holder.who.clone(),
        host: holder.host.clone(),
        pid: holder.process,
        beginning: holder.process_beginning.clone(),
    };
    let run = RunId::parse(&holder.run)?;
    // An essence that cannot be read counts as missing, because an older or newer bcops wrote it.
    let essence: Option<Essence> =
        holder.journal.clone().and_then(|journal| serde_json::from_value(journal).ok());
    Some(Holder {
        essence: essence.filter(|essence| essence.is_of(&run)),
        run,
        operator,
        at: holder.refreshed,
        command: holder.command.clone(),
        since: Some(holder.since),
    })
}

/// The state of staging before the run, for a person who reads the lock.
fn before(essence: &Essence) -> Value {
    let history = History::of(essence.records());
    let value = |name: &str| history.value(name).cloned();
    let started = history.started.as_ref();
    json!({
        "app": started.map(|started| started.target.name.clone()),
        "tip": history.flags.get("pins").map(|pins| pins["staging"].clone()),
        "release": value(RELEASE_AT_START.name()),
        "backup": value(BACKUP.name()),
        "formation": value(FORMATION_BEFORE.name()),
        "maintenance": value(MAINTENANCE_BEFORE.name()),
    })
}

#[async_trait]
impl RunLock for OriginLock {
    async fn acquire(&self, holder: &Holder) -> Result<(), LockError> {
        let mut held = self.held.lock().await;
        let repository = self.of_run(&holder.run)?;
        let taken = match &self.expects {
            Some(seen) => {
                let holder = GitHolder { since: seen.lock.holder.since, ..to_git(holder) };
                match repository.replace_lock(&seen.lock, &holder).await {
                    Err(error @ GitError::LeaseRejected { .. }) => {
                        return Err(match self.look().await? {
                            Some(now) => LockError::Held { holder: Box::new(now.holder) },
                            None => self.unusable(error),
                        });
                    }
                    other => other,
                }
            }
            None => repository.take_lock(&self.branch, &to_git(holder)).await,
        };
        *held = Some(taken.map_err(|error| self.translate(error))?);
        Ok(())
    }

    async fn refresh(&self, holder: &Holder) -> Result<(), LockError> {
        self.write(holder).await
    }

    async fn release(&self, run: &RunId) -> Result<(), LockError> {
        let mut held = self.held.lock().await;
        let repository = self.of_run(run)?;
        let unusable = |error| self.unusable(error);
        let Some(lock) = repository.read_lock(&self.branch).await.map_err(unusable)? else {
            return Ok(());
        };
        // Another process of the run, perhaps on another machine, has taken the lock over.
        let is_taken_over =
            held.as_ref().is_some_and(|held| !held.holder.is_same_process(&lock.holder));
        if lock.holder.run == run.as_str() && !is_taken_over {
            repository.release_lock(&lock).await.map_err(unusable)?;
            *held = None;
        }
        Ok(())
    }
}
