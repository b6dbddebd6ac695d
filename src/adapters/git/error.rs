//! Describes what can fail between bcops and a git repository. No variant holds a credential: bcops
//! removes credentials from all output of git and of servers.

use std::time::Duration;

use thiserror::Error;

use super::holder::Holder;
use crate::failure::{CommandError, FailureKind, Hint};

#[derive(Debug, Error)]
pub enum GitError {
    #[error("cannot start git; install git, or add it to the PATH")]
    NoGit(#[source] std::io::Error),

    #[error("cannot see how git ended")]
    Lost(#[source] std::io::Error),

    #[error(
        "cannot archive the commit {commit}: Heroku fetches the submodule {path} only for a push"
    )]
    Submodule { commit: String, path: String },

    #[error("cannot archive the commit {commit}")]
    Archive {
        commit: String,
        #[source]
        cause: std::io::Error,
    },

    #[error("cannot use git {version}: bcops needs git {oldest} or newer; install a newer git")]
    TooOld { version: String, oldest: &'static str },

    #[error(
        "cannot find the site's repository: {folder} is not in a clone, and git.url is not set; run bcops in a clone, or set git.url"
    )]
    NotARepository { folder: String },

    #[error(
        "the repository {folder} has no remote `{name}`; run `git remote add {name} URL`, or set git.remote to another remote"
    )]
    UnknownRemote { folder: String, name: String },

    #[error(
        "cannot use `{name}` as {what}; use letters, digits, dots, hyphens, underscores and slashes"
    )]
    InvalidName { what: &'static str, name: String },

    #[error("cannot use {variable}: {reason}; set it to a host name or a URL")]
    InvalidHost { variable: &'static str, reason: String },

    #[error("{remote} refused git's credentials on this machine{}", said_in_words(.said))]
    Authentication { remote: String, said: Vec<String> },

    #[error("cannot reach {remote}{}", said_in_words(.said))]
    Unreachable { remote: String, said: Vec<String> },

    #[error("{remote} is not a repository, or your account cannot see it{}", said_in_words(.said))]
    NoSuchRepository { remote: String, said: Vec<String> },

    #[error(
        "git did not finish {what} within {} and was stopped{}; the remote may have changed",
        time_in_words(.limit), said_in_words(.said)
    )]
    TimedOut { what: String, limit: Duration, said: Vec<String> },

    #[error(
        "cannot change {reference} on {remote}: someone else pushed (now {}, expected {}); nothing was overwritten",
        tip_in_words(.now), tip_in_words(.expected)
    )]
    LeaseRejected {
        remote: String,
        reference: String,
        expected: Option<String>,
        now: Option<String>,
    },

    #[error(
        "cannot force-push {reference}: it is protected on {remote}{}; allow force push for it, or ask someone who may",
        said_in_words(.said)
    )]
    ProtectedBranch { remote: String, reference: String, said: Vec<String> },

    #[error("a hook on {remote} refused the push of {reference}{}", said_in_words(.said))]
    HookDeclined { remote: String, reference: String, said: Vec<String> },

    #[error("the build failed on {remote}{}", said_in_words(.said))]
    BuildFailed { remote: String, said: Vec<String> },

    #[error("{remote} accepts no commits from a shallow clone; run `git fetch --unshallow`")]
    ShallowNotAllowed { remote: String },

    #[error("{remote} refused {reference}: {reason}{}", said_in_words(.said))]
    Refused { remote: String, reference: String, reason: String, said: Vec<String> },

    #[error("git failed while {what}{}", said_in_words(.said))]
    Failed { what: String, said: Vec<String> },

    #[error("cannot understand git's answer while {what}: {answer}")]
    UnexpectedAnswer { what: String, answer: String },

    #[error("git printed more than {limit} bytes while {what}")]
    Endless { what: String, limit: usize },

    #[error("cannot make a commit: git does not know your name and e-mail address here")]
    NoIdentity { said: Vec<String> },

    #[error("cannot read or write the repository: {what}")]
    Library {
        what: String,
        #[source]
        cause: git2::Error,
    },

    #[error("{what} holds a name that is not UTF-8: {name}")]
    NotUtf8 { what: String, name: String },

    #[error("cannot use the temporary folder {path}")]
    Temporary {
        path: String,
        #[source]
        cause: std::io::Error,
    },

    #[error("{remote} has no branch {name}")]
    NoSuchBranch { remote: String, name: String },

    #[error("staging is locked by {0}")]
    Locked(Box<Holder>),

    #[error("cannot remove the lock: it belongs to {holder}, not to the run {run}")]
    AnothersLock { run: String, holder: Box<Holder> },

    #[error("there is no lock {reference} on {remote}")]
    NotLocked { remote: String, reference: String },

    #[error(
        "cannot read the lock {reference} at {commit}: {reason}; inspect it with `git fetch {remote} {reference}`"
    )]
    UnreadableLock { remote: String, reference: String, commit: String, reason: String },

    #[error("a thread ended before its work was done")]
    Thread(#[source] tokio::task::JoinError),
}

impl GitError {
    /// Wraps an error of libgit2 with the task that failed.
    pub(super) fn library(what: impl Into<String>) -> impl FnOnce(git2::Error) -> GitError {
        let what = what.into();
        move |cause| GitError::Library { what, cause }
    }

    /// Whether a push that failed in this way certainly changed nothing, because the remote or git
    /// refused it.
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

    /// Whether a push that failed in this way may still have changed the remote.
    /// [`super::Repository::tips`] shows that.
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
                .hint("look at what was pushed, then run the command again"),
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
