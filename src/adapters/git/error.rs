//! What can go wrong between bcops and a git repository. No variant holds a credential: what git
//! and a server say is stripped of them before it is kept.

use std::time::Duration;

use thiserror::Error;

use super::holder::Holder;
use crate::failure::{CommandError, FailureKind, Hint};

#[derive(Debug, Error)]
pub enum GitError {
    #[error("the program git could not be started; install git, or put it on the PATH")]
    NoGit(#[source] std::io::Error),

    #[error("the end of git could not be observed")]
    Lost(#[source] std::io::Error),

    #[error(
        "cannot put the commit {commit} into an archive: {path} is a submodule, which Heroku fetches for a push only"
    )]
    Submodule { commit: String, path: String },

    #[error("cannot put the commit {commit} into an archive")]
    Archive {
        commit: String,
        #[source]
        cause: std::io::Error,
    },

    #[error("git is {version}, and {oldest} or newer is needed; install a newer one")]
    TooOld { version: String, oldest: &'static str },

    #[error(
        "{folder} is not in a clone of the site's repository, and no URL is known to make a temporary one from; run bcops in a clone, or set git.url"
    )]
    NotARepository { folder: String },

    #[error(
        "the repository {folder} has no remote `{name}`; add it with `git remote add {name} URL`, or name another with git.remote"
    )]
    UnknownRemote { folder: String, name: String },

    #[error(
        "`{name}` cannot be {what}; use letters, digits, dots, hyphens, underscores and slashes"
    )]
    InvalidName { what: &'static str, name: String },

    #[error("{variable} is not usable: {reason}; give a host name, or a URL")]
    InvalidHost { variable: &'static str, reason: String },

    #[error("{remote} does not accept the credentials of git on this machine{}", said_in_words(.said))]
    Authentication { remote: String, said: Vec<String> },

    #[error("{remote} cannot be reached{}", said_in_words(.said))]
    Unreachable { remote: String, said: Vec<String> },

    #[error("{remote} is not a repository, or this account cannot see it{}", said_in_words(.said))]
    NoSuchRepository { remote: String, said: Vec<String> },

    #[error(
        "git did not end {what} within {} and was stopped{}; what it sent may have had its effect",
        time_in_words(.limit), said_in_words(.said)
    )]
    TimedOut { what: String, limit: Duration, said: Vec<String> },

    #[error(
        "{reference} on {remote} is not where it was expected ({} instead of {}), because somebody pushed meanwhile; nothing was overwritten",
        tip_in_words(.now), tip_in_words(.expected)
    )]
    LeaseRejected {
        remote: String,
        reference: String,
        expected: Option<String>,
        now: Option<String>,
    },

    #[error(
        "{reference} is protected on {remote} and may not be force-pushed{}; allow force push for it there, or ask somebody who may",
        said_in_words(.said)
    )]
    ProtectedBranch { remote: String, reference: String, said: Vec<String> },

    #[error("a hook of {remote} declined the push of {reference}{}", said_in_words(.said))]
    HookDeclined { remote: String, reference: String, said: Vec<String> },

    #[error("the build failed on {remote}{}", said_in_words(.said))]
    BuildFailed { remote: String, said: Vec<String> },

    #[error(
        "{remote} takes no commits from a shallow clone; fetch the whole history with `git fetch --unshallow`"
    )]
    ShallowNotAllowed { remote: String },

    #[error("{remote} refused {reference}: {reason}{}", said_in_words(.said))]
    Refused { remote: String, reference: String, reason: String, said: Vec<String> },

    #[error("git failed at {what}{}", said_in_words(.said))]
    Failed { what: String, said: Vec<String> },

    #[error("git's answer to {what} is not what bcops knows: {answer}")]
    UnexpectedAnswer { what: String, answer: String },

    #[error("git's answer to {what} is longer than {limit} bytes")]
    Endless { what: String, limit: usize },

    #[error("cannot make a commit: git has no name and e-mail address for you here")]
    NoIdentity { said: Vec<String> },

    #[error("cannot read or write the repository: {what}")]
    Library {
        what: String,
        #[source]
        cause: git2::Error,
    },

    #[error("{what} holds a name that is not UTF-8: {name}")]
    NotUtf8 { what: String, name: String },

    #[error("the temporary folder {path} cannot be used")]
    Temporary {
        path: String,
        #[source]
        cause: std::io::Error,
    },

    #[error("no branch {name} was fetched from {remote}")]
    NoSuchBranch { remote: String, name: String },

    #[error("staging is locked by {0}")]
    Locked(Box<Holder>),

    #[error(
        "the lock is not held by the run {run} but by {holder}; a lock is broken only by its own run id"
    )]
    AnothersLock { run: String, holder: Box<Holder> },

    #[error("there is no lock {reference} on {remote}")]
    NotLocked { remote: String, reference: String },

    #[error(
        "the lock {reference} at {commit} cannot be read: {reason}; look at it with `git fetch {remote} {reference}`"
    )]
    UnreadableLock { remote: String, reference: String, commit: String, reason: String },

    #[error("the work of a thread was lost")]
    Thread(#[source] tokio::task::JoinError),
}

impl GitError {
    /// Wraps an error of libgit2 with what was being done.
    pub(super) fn library(what: impl Into<String>) -> impl FnOnce(git2::Error) -> GitError {
        let what = what.into();
        move |cause| GitError::Library { what, cause }
    }

    /// Whether a push that failed in this way is certain to have moved nothing, because the remote
    /// or git itself said no to it.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            GitError::LeaseRejected { .. }
                | GitError::ProtectedBranch { .. }
                | GitError::HookDeclined { .. }
                | GitError::ShallowNotAllowed { .. }
                | GitError::Refused { .. }
        )
    }

    /// Whether a push that failed in this way may have had its effect all the same. The tips of
    /// the remote tell, see [`super::Repository::tips`].
    pub fn leaves_doubt(&self) -> bool {
        matches!(
            self,
            GitError::TimedOut { .. }
                | GitError::Unreachable { .. }
                | GitError::Failed { .. }
                | GitError::Lost(_)
        )
    }
}

fn said_in_words(said: &[String]) -> String {
    if said.is_empty() { String::new() } else { format!(": {}", said.join("; ")) }
}

fn tip_in_words(tip: &Option<String>) -> String {
    tip.clone().unwrap_or_else(|| "absent".to_owned())
}

fn time_in_words(limit: &Duration) -> String {
    match limit.as_secs() {
        0 => format!("{} milliseconds", limit.as_millis()),
        seconds if seconds < 120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    }
}

impl From<GitError> for CommandError {
    fn from(error: GitError) -> Self {
        match error {
            GitError::NoGit(_)
            | GitError::TooOld { .. }
            | GitError::NotARepository { .. }
            | GitError::UnknownRemote { .. }
            | GitError::InvalidName { .. }
            | GitError::InvalidHost { .. }
            | GitError::Authentication { .. }
            | GitError::NoSuchRepository { .. }
            | GitError::NoSuchBranch { .. }
            | GitError::Temporary { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("check git, the clone and its remotes: bcops doctor"),
            GitError::NoIdentity { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("git config --global user.email you@example.org && git config --global user.name 'Your Name'")
                .hint("in CI set GIT_AUTHOR_NAME, GIT_AUTHOR_EMAIL, GIT_COMMITTER_NAME and GIT_COMMITTER_EMAIL"),
            GitError::Locked(ref holder) => {
                let run = &holder.run;
                let hint = format!("bcops runs resume {run}, or: bcops runs rollback {run}");
                CommandError::wrap(FailureKind::Locked, error).hint(hint)
            }
            GitError::AnothersLock { .. } | GitError::UnreadableLock { .. } => {
                CommandError::wrap(FailureKind::Locked, error)
                    .hint("see who holds the lock: bcops doctor")
            }
            GitError::LeaseRejected { .. } => CommandError::wrap(FailureKind::Refused, error)
                .hint("look at what was pushed, then plan again from where it is now"),
            GitError::ProtectedBranch { .. }
            | GitError::HookDeclined { .. }
            | GitError::ShallowNotAllowed { .. }
            | GitError::Refused { .. }
            | GitError::Submodule { .. } => CommandError::wrap(FailureKind::Refused, error)
                .hint("change what was refused, then run the same command again"),
            GitError::NotLocked { .. } => {
                CommandError::wrap(FailureKind::Refused, error).hint("bcops runs list")
            }
            GitError::BuildFailed { .. } => CommandError::wrap(FailureKind::RemoteJob, error)
                .hint(Hint::run("read the whole log of the build", "heroku builds:output --app")),
            GitError::Unreachable { .. } | GitError::TimedOut { .. } => {
                CommandError::wrap(FailureKind::Unexpected, error)
                    .hint("check the network and the VPN: bcops doctor")
            }
            GitError::Failed { .. }
            | GitError::UnexpectedAnswer { .. }
            | GitError::Endless { .. }
            | GitError::Library { .. }
            | GitError::NotUtf8 { .. }
            | GitError::Lost(_)
            | GitError::Archive { .. }
            | GitError::Thread(_) => CommandError::wrap(FailureKind::Unexpected, error)
                .hint("check the clone: git fsck"),
        }
    }
}
