//! Defines the lock that keeps a second operator out.
//!
//! A run holds the lock from before its first step until it is done or rolled back. A run that
//! stopped half-way keeps the lock, because a second run would record the half-changed state as the
//! state to go back to. A resumed run gets its own lock again. The lock on the run's folder keeps
//! the run from being resumed twice at the same time.

use std::ffi::CStr;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::essence::Essence;
use super::history::History;
use super::run_id::RunId;
use crate::failure::{CommandError, FailureKind};
use crate::process_id;

/// The person who runs bcops, and the machine and process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    pub who: String,
    pub host: String,
    pub pid: u32,
    /// When the process began, which tells it from a later process with the same number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beginning: Option<String>,
}

impl Operator {
    /// This process. The caller gives `who`, because it knows the environment variables.
    pub fn of_this_process(who: impl Into<String>) -> Self {
        let pid = std::process::id();
        Operator {
            who: who.into(),
            host: host_name(),
            pid,
            beginning: process_id::beginning_of(pid),
        }
    }

    /// Whether this operator works on this machine.
    pub fn is_of_this_machine(&self) -> bool {
        self.host == host_name()
    }

    /// Whether the process is still running. `None` if it belongs to another machine. A process
    /// from another boot counts as another machine's, because two machines can have the same name.
    pub fn lives(&self) -> Option<bool> {
        let beginning = self.beginning.as_deref();
        let is_here =
            self.is_of_this_machine() && !beginning.is_some_and(process_id::is_of_another_boot);
        is_here.then(|| process_id::lives(self.pid, beginning))
    }
}

fn host_name() -> String {
    let mut buffer = [0_u8; 256];
    // SAFETY: the pointer and the length describe the buffer; its last byte stays zero.
    let result = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    let name = CStr::from_bytes_until_nul(&buffer).ok().filter(|_| result == 0);
    name.map_or_else(|| "unknown".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// What a lock says about the run that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub run: RunId,
    #[serde(flatten)]
    pub operator: Operator,
    /// When the lock was taken or last refreshed.
    pub at: jiff::Timestamp,
    pub command: String,
    /// When the run first took the lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<jiff::Timestamp>,
    /// The part of the journal that another machine needs to roll the run back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub essence: Option<Essence>,
}

/// A holder that refreshed its lock this recently may be at work.
const RECENTLY: Duration = Duration::from_secs(10 * 60);

impl Holder {
    /// How long ago the holder refreshed the lock.
    pub fn age(&self, now: jiff::Timestamp) -> Duration {
        now.duration_since(self.at).try_into().unwrap_or_default()
    }

    /// Whether the holder refreshed the lock so recently that it may be at work.
    pub fn is_recent(&self, now: jiff::Timestamp) -> bool {
        self.age(now) < RECENTLY
    }

    /// Whether a process may be at work on the run. On this machine the processes say so; for
    /// another machine only the age of the lock does.
    pub fn may_be_at_work(&self, now: jiff::Timestamp) -> bool {
        self.operator.lives().unwrap_or_else(|| self.is_recent(now))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Operator { who, host, pid, .. } = &self.operator;
        write!(
            f,
            "{who} on {host} (process {pid}, run {}, {}, last seen {:.0})",
            self.run, self.command, self.at
        )
    }
}

#[derive(Debug, Error)]
pub enum LockError {
    #[error("cannot take the lock: {holder} holds it")]
    Held { holder: Box<Holder> },
    #[error("the run {run} no longer holds the lock")]
    Lost { run: RunId },
    #[error("cannot release the lock of the run {run}: there is no such lock")]
    NotThere { run: RunId },
    #[error("cannot use the lock {place}")]
    Unusable { place: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// No command can read the lock, so its holder is not known.
    #[error("cannot use the lock {place}")]
    Unreadable {
        place: String,
        /// How a person removes the lock.
        removal: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A lock that other operators see. An implementation must take and change it by compare-and-swap.
#[async_trait]
pub trait RunLock: Send + Sync {
    /// Takes the lock, or takes it over from an earlier process of the same run.
    async fn acquire(&self, holder: &Holder) -> Result<(), LockError>;

    /// Refreshes the lock's time and essence. [`LockError::Lost`] if another process holds the
    /// lock, or no process does.
    async fn refresh(&self, holder: &Holder) -> Result<(), LockError>;

    /// Releases the lock. A lock of another run is not touched, and that is not an error.
    async fn release(&self, run: &RunId) -> Result<(), LockError>;
}

/// How often a held lock is refreshed.
const REFRESH: Duration = Duration::from_secs(60);

/// Gives the present essence of the run, for the lock.
pub(super) type EssenceSource = Arc<dyn Fn() -> Essence + Send + Sync>;

/// Refreshes a lock until it is dropped, and notices when the lock is lost.
pub(super) struct Keeper {
    lost: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Starts refreshing. A notification by `news` refreshes the lock at once.
    pub(super) fn start(
        lock: Arc<dyn RunLock>,
        mut holder: Holder,
        essence: EssenceSource,
        news: Arc<Notify>,
    ) -> Self {
        let (sender, lost) = watch::channel(false);
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(REFRESH) => {}
                    () = news.notified() => {}
                }
                holder.at = jiff::Timestamp::now();
                holder.essence = Some(essence());
                // A lock that cannot be reached still counts as held. It is lost only if another
                // process is seen to hold it.
                if matches!(
                    lock.refresh(&holder).await,
                    Err(LockError::Lost { .. } | LockError::Held { .. })
                ) {
                    sender.send_replace(true);
                    return;
                }
            }
        });
        Keeper { lost, task }
    }

    pub(super) fn lost(&self) -> watch::Receiver<bool> {
        self.lost.clone()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl From<LockError> for CommandError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { ref holder } => {
                let hints = held_by(holder);
                let may_end = holder.may_be_at_work(jiff::Timestamp::now());
                let error = CommandError::wrap(FailureKind::Locked, error).with_hints(hints);
                // A run that stopped keeps its lock.
                if may_end { error } else { error.look_first() }
            }
            LockError::Lost { .. } => CommandError::wrap(FailureKind::Locked, error)
                .hint("see how the runs stand: bcops runs list"),
            LockError::NotThere { .. } => {
                CommandError::wrap(FailureKind::Usage, error).hint("bcops runs list")
            }
            LockError::Unreadable { ref removal, .. } => {
                let hint = format!("once you are sure that no reset is running: {removal}");
                CommandError::wrap(FailureKind::Locked, error).hint(hint).look_first()
            }
            LockError::Unusable { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("check git and its remotes: bcops doctor"),
        }
    }
}

/// What to do about a lock that another run holds. Taking over the lock comes last.
fn held_by(holder: &Holder) -> Vec<String> {
    let (run, host) = (&holder.run, &holder.operator.host);
    if holder.may_be_at_work(jiff::Timestamp::now()) {
        return vec![format!("wait until run {run} on {host} ends")];
    }
    let (resume, back) = (run.resume_command(), run.rollback_command());
    if holder.operator.is_of_this_machine() {
        return vec![format!("to continue: {resume}"), format!("to roll back: {back}")];
    }
    let way_back = match holder.essence {
        Some(_) => format!(", roll it back here with {back},"),
        None => String::new(),
    };
    let history = holder.essence.as_ref().map(|essence| History::of(essence.records()));
    let destination = history.and_then(|history| history.flags.get("destination").cloned());
    let environment = destination.as_ref().and_then(|name| name.as_str()).unwrap_or("staging");
    vec![format!(
        "resume run {run} on {host}{way_back} or take over with {} and bcops \
         reset-{environment}",
        run.unlock_command()
    )]
}
