//! The lock of a reset: the ref on the origin that only one operator can make.

use std::sync::{Mutex, PoisonError};

use crate::adapters::git::{GitError, Holder as GitHolder, Lock, Repository};
use crate::runbook::lock::LockFuture;
use crate::runbook::{Holder, LockError, Operator, RunId, RunLock};

/// The lock of one branch.
pub struct OriginLock {
    repository: Repository,
    branch: String,
    held: Mutex<Option<Lock>>,
}

impl OriginLock {
    pub fn new(repository: Repository, branch: &str) -> Self {
        OriginLock { repository, branch: branch.to_owned(), held: Mutex::default() }
    }

    fn held(&self) -> Option<Lock> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, lock: Option<Lock>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = lock;
    }

    /// The repository in the namespace of the run, whose refs the lock is read into.
    fn of_run(&self, run: &RunId) -> Result<Repository, LockError> {
        self.repository.for_run(run.as_str()).map_err(|error| self.unusable(error))
    }

    fn unusable(&self, error: GitError) -> LockError {
        LockError::Unusable { place: format!("of {}", self.branch), source: Box::new(error) }
    }

    fn translate(&self, error: GitError) -> LockError {
        match error {
            GitError::Locked(holder) => match from_git(&holder) {
                Some(holder) => LockError::Held { holder: Box::new(holder) },
                None => self.unusable(GitError::Locked(holder)),
            },
            GitError::AnothersLock { holder, run } => match from_git(&holder) {
                Some(holder) => LockError::Held { holder: Box::new(holder) },
                None => self.unusable(GitError::AnothersLock { holder, run }),
            },
            error => self.unusable(error),
        }
    }
}

fn to_git(holder: &Holder) -> GitHolder {
    let Holder { run, operator: Operator { who, host, pid }, at, command } = holder;
    GitHolder::new(who, host, run.as_str(), command, *at).with_process(*pid)
}

fn from_git(holder: &GitHolder) -> Option<Holder> {
    let operator =
        Operator { who: holder.who.clone(), host: holder.host.clone(), pid: holder.process };
    Some(Holder {
        run: RunId::parse(&holder.run)?,
        operator,
        at: holder.refreshed,
        command: holder.command.clone(),
    })
}

impl RunLock for OriginLock {
    fn acquire<'a>(&'a self, holder: &'a Holder) -> LockFuture<'a, ()> {
        Box::pin(async move {
            let repository = self.of_run(&holder.run)?;
            let taken = repository.take_lock(&self.branch, &to_git(holder)).await;
            self.hold(Some(taken.map_err(|error| self.translate(error))?));
            Ok(())
        })
    }

    fn refresh<'a>(&'a self, holder: &'a Holder) -> LockFuture<'a, ()> {
        Box::pin(async move {
            let lost = || LockError::Lost { run: holder.run.clone() };
            let lock = self.held().ok_or_else(lost)?;
            let repository = self.of_run(&holder.run)?;
            match repository.refresh_lock(&lock, holder.at).await {
                Ok(lock) => {
                    self.hold(Some(lock));
                    Ok(())
                }
                Err(GitError::LeaseRejected { .. }) => {
                    // An earlier sign of life may have arrived although its answer did not.
                    match repository.read_lock(&self.branch).await {
                        Ok(Some(lock)) if lock.holder.run == holder.run.as_str() => {
                            self.hold(Some(lock));
                            Ok(())
                        }
                        Ok(_) => Err(lost()),
                        Err(error) => Err(self.unusable(error)),
                    }
                }
                Err(error) => Err(self.unusable(error)),
            }
        })
    }

    fn release<'a>(&'a self, run: &'a RunId) -> LockFuture<'a, ()> {
        Box::pin(async move {
            let repository = self.of_run(run)?;
            let unusable = |error| self.unusable(error);
            let Some(lock) = repository.read_lock(&self.branch).await.map_err(unusable)? else {
                return Ok(());
            };
            if lock.holder.run == run.as_str() {
                repository.release_lock(&lock).await.map_err(|error| self.unusable(error))?;
                self.hold(None);
            }
            Ok(())
        })
    }

    fn holder(&self) -> LockFuture<'_, Option<Holder>> {
        Box::pin(async move {
            let lock = self.repository.read_lock(&self.branch).await;
            let lock = lock.map_err(|error| self.unusable(error))?;
            Ok(lock.and_then(|lock| from_git(&lock.holder)))
        })
    }

    fn break_of<'a>(&'a self, run: &'a RunId) -> LockFuture<'a, Holder> {
        Box::pin(async move {
            let repository = self.of_run(run)?;
            match repository.break_lock(&self.branch, run.as_str()).await {
                Ok(holder) => {
                    let holder = from_git(&holder);
                    holder.ok_or_else(|| LockError::NotThere { run: run.clone() })
                }
                Err(GitError::NotLocked { .. }) => Err(LockError::NotThere { run: run.clone() }),
                Err(error) => Err(self.translate(error)),
            }
        })
    }
}
