//! Keeps a second operator out.
//!
//! A run holds the lock from before its first step until it is done or rolled back. A run that
//! stopped half-way keeps it: a second run that began now would take the half-changed state for the
//! one to go back to. The same run gets its own lock again when it is resumed; what keeps one run
//! from being resumed twice at the same time is the lock on its folder.

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

/// Who runs this, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    pub who: String,
    pub host: String,
    pub pid: u32,
    /// Tells the process from a later one with its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beginning: Option<String>,
}

impl Operator {
    /// This process. `who` comes from the caller, which knows the surroundings.
    pub fn of_this_process(who: impl Into<String>) -> Self {
        let pid = std::process::id();
        Operator {
            who: who.into(),
            host: host_name(),
            pid,
            beginning: process_id::beginning_of(pid),
        }
    }

    /// Whether this was written on this machine.
    pub fn is_of_this_machine(&self) -> bool {
        self.host == host_name()
    }

    /// Whether the process still runs. `None` where it is another machine's. Another boot may be that
    /// of another machine with the same name.
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

/// What a lock says about who has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub run: RunId,
    #[serde(flatten)]
    pub operator: Operator,
    /// When it was taken, or last refreshed.
    pub at: jiff::Timestamp,
    pub command: String,
    /// When the run took it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<jiff::Timestamp>,
    /// What of the journal another machine needs to put the run back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub essence: Option<Essence>,
}

/// A holder that was heard of this recently may be at work.
const RECENTLY: Duration = Duration::from_secs(10 * 60);

impl Holder {
    /// How long ago it gave a sign of life.
    pub fn age(&self, now: jiff::Timestamp) -> Duration {
        now.duration_since(self.at).try_into().unwrap_or_default()
    }

    /// Whether the holder was heard of so recently that it may be at work.
    pub fn is_recent(&self, now: jiff::Timestamp) -> bool {
        self.age(now) < RECENTLY
    }

    /// Whether a process may be at work on the run. On this machine that is known; of another
    /// machine only when it was heard of.
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
    #[error("the lock is held by {holder}")]
    Held { holder: Box<Holder> },
    #[error("the lock is no longer held by the run {run}")]
    Lost { run: RunId },
    #[error("there is no lock of the run {run} to break")]
    NotThere { run: RunId },
    #[error("the lock {place} cannot be used")]
    Unusable { place: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// No command can read it, so none can say whose it is.
    #[error("the lock {place} cannot be used")]
    Unreadable {
        place: String,
        /// How a person removes it.
        removal: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A lock that other operators see. Taking and changing it must be compare-and-swap.
#[async_trait]
pub trait RunLock: Send + Sync {
    /// Takes the lock, or takes it over from an earlier process of the same run.
    async fn acquire(&self, holder: &Holder) -> Result<(), LockError>;

    /// Gives a sign of life, with what is known by now. [`LockError::Lost`] if another process has
    /// it or nobody.
    async fn refresh(&self, holder: &Holder) -> Result<(), LockError>;

    /// Gives it up. A lock that is not this run's is left alone, which is not an error.
    async fn release(&self, run: &RunId) -> Result<(), LockError>;
}

/// How often a held lock gives a sign of life.
const REFRESH: Duration = Duration::from_secs(60);

/// What the lock is to say, as far as the run knows it by now.
pub(super) type Says = Arc<dyn Fn() -> Essence + Send + Sync>;

/// Refreshes a lock for as long as it lives, and notices when it is lost.
pub(super) struct Keeper {
    lost: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// `news` makes it refresh the lock at once.
    pub(super) fn start(
        lock: Arc<dyn RunLock>,
        mut holder: Holder,
        says: Says,
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
                holder.essence = Some(says());
                // A lock that cannot be reached is still ours; only one that is seen in other hands
                // is not.
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
                CommandError::wrap(FailureKind::Locked, error).with_hints(hints)
            }
            LockError::Lost { .. } => CommandError::wrap(FailureKind::Locked, error)
                .hint("see how the runs stand: bcops runs list"),
            LockError::NotThere { .. } => {
                CommandError::wrap(FailureKind::Usage, error).hint("bcops runs list")
            }
            LockError::Unreadable { ref removal, .. } => {
                let hint = format!("when nobody resets staging: {removal}");
                CommandError::wrap(FailureKind::Locked, error).hint(hint)
            }
            LockError::Unusable { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("check git and its remotes: bcops doctor"),
        }
    }
}

/// What to do about a lock that another run has. Breaking it is the last of the ways.
fn held_by(holder: &Holder) -> Vec<String> {
    let (run, host) = (&holder.run, &holder.operator.host);
    if holder.may_be_at_work(jiff::Timestamp::now()) {
        return vec![format!("wait for the end of run {run} on {host}")];
    }
    let (resume, back) = (run.resume_command(), run.rollback_command());
    if holder.operator.is_of_this_machine() {
        return vec![format!("to continue: {resume}"), format!("to go back: {back}")];
    }
    let way_back = match holder.essence {
        Some(_) => format!(", roll it back here with {back},"),
        None => String::new(),
    };
    let history = holder.essence.as_ref().map(|essence| History::of(essence.records()));
    let destination = history.and_then(|history| history.flags.get("destination").cloned());
    let environment = destination.as_ref().and_then(|name| name.as_str()).unwrap_or("staging");
    vec![format!(
        "run {run} is {host}'s: resume it there{way_back} or take over with {} and bcops \
         reset-{environment}",
        run.unlock_command()
    )]
}
