//! The exit codes of the adapters' errors: other people's servers, and git.

use tokio_postgres::error::SqlState;

use crate::adapters::download::DownloadError;
use crate::adapters::git::GitError;
use crate::adapters::heroku::{HerokuError, OneOffError, StopReason};
use crate::adapters::postgres::PostgresError;
use crate::adapters::s3::S3Error;
use crate::failure::{CommandError, FailureKind};

impl From<HerokuError> for CommandError {
    fn from(error: HerokuError) -> Self {
        let (kind, hint) = match &error {
            HerokuError::NoCredentials { .. }
            | HerokuError::InvalidToken { .. }
            | HerokuError::Unauthorized { .. } => (
                FailureKind::Configuration,
                Some(
                    "heroku login   # or set HEROKU_API_KEY to the output of `heroku authorizations:create`",
                ),
            ),
            HerokuError::TwoFactor { .. } => (
                FailureKind::Configuration,
                Some("set HEROKU_API_KEY to the output of `heroku authorizations:create`"),
            ),
            HerokuError::InvalidEndpoint { .. }
            | HerokuError::UnencryptedEndpoint { .. }
            | HerokuError::UnreadableNetrc { .. }
            | HerokuError::InvalidName { .. }
            | HerokuError::Forbidden { .. }
            | HerokuError::NotFound { .. }
            | HerokuError::UnknownDatabase { .. }
            | HerokuError::AmbiguousDatabase { .. }
            | HerokuError::AnotherApp { .. }
            | HerokuError::NoConsole { .. }
            | HerokuError::NoBackup { .. } => (
                FailureKind::Configuration,
                Some("bcops doctor   # checks every app and permission"),
            ),
            HerokuError::ForeignDatabase { .. } => (FailureKind::Refused, None),
            HerokuError::OneOff(OneOffError::GivenUp {
                reason: StopReason::Interrupted, ..
            }) => (FailureKind::Interrupted, None),
            HerokuError::TransferFailed { .. }
            | HerokuError::TransferCanceled { .. }
            | HerokuError::TransferUnseen { .. }
            | HerokuError::TransferTooLong { .. }
            | HerokuError::TransferLost { .. }
            | HerokuError::TransferUnclear { .. } => (
                FailureKind::RemoteJob,
                Some("bcops backups list ENV   # shows what became of it, and whether it goes on"),
            ),
            HerokuError::UnusableBackup { .. }
            | HerokuError::ResetUnclear { .. }
            | HerokuError::DynosUnsettled { .. }
            | HerokuError::NotTaken { .. }
            | HerokuError::JobFailed { .. }
            | HerokuError::JobUnseen { .. }
            | HerokuError::JobTooLong { .. }
            | HerokuError::RollbackLost { .. } => (FailureKind::RemoteJob, None),
            HerokuError::OneOff(_) => (
                FailureKind::RemoteJob,
                Some("heroku ps --app APP   # shows whether the dyno still runs"),
            ),
            HerokuError::RateLimited { .. } => (
                FailureKind::Unexpected,
                Some("wait, then try again; every user of the same token draws on the same limit"),
            ),
            HerokuError::Conflict { .. } => (
                FailureKind::Unexpected,
                Some("wait until the other change is through, then try again"),
            ),
            _ => (
                FailureKind::Unexpected,
                Some(
                    "see https://status.heroku.com and whether HEROKU_HOST can be reached from here, then try again",
                ),
            ),
        };
        CommandError::wrap(kind, error).with_hints(hint)
    }
}

impl From<DownloadError> for CommandError {
    fn from(error: DownloadError) -> Self {
        // Without a URL nothing was downloaded: what mends that is Heroku's.
        if let DownloadError::Mint(cause) = error {
            return cause.into();
        }
        CommandError::wrap(FailureKind::Unexpected, error)
            .hint("see whether the backup is still there, then try again: bcops backups list ENV")
    }
}

impl From<PostgresError> for CommandError {
    fn from(error: PostgresError) -> Self {
        let (kind, hint) = match &error {
            PostgresError::BadUrl(_) | PostgresError::Tls { .. } => {
                (FailureKind::Configuration, None)
            }
            PostgresError::Connect { .. }
                if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) =>
            {
                (
                    FailureKind::Configuration,
                    Some("use fewer sessions: --jobs 1; or raise the server's max_connections"),
                )
            }
            PostgresError::Connect { .. } | PostgresError::Timeout { .. } => (
                FailureKind::Configuration,
                Some(
                    "start the server, or point BCOPS_LOCAL_DATABASE_URL at it; `bcops doctor` checks",
                ),
            ),
            PostgresError::Proof(_) | PostgresError::Server(_) => (FailureKind::Unexpected, None),
        };
        CommandError::wrap(kind, error).with_hints(hint)
    }
}

/// For a bucket that takes no ACL.
pub const UNSET_ACL: &str = "remove media.acl from bcops.toml: this bucket takes no ACL, and its own policy decides who may read";

impl From<S3Error> for CommandError {
    fn from(error: S3Error) -> Self {
        let (kind, hint) = match &error {
            S3Error::Refused { code, .. } if code == "ExpiredToken" || code == "InvalidToken" => (
                FailureKind::Configuration,
                Some(
                    "the bucket's keys are no longer good: set new ones as config vars of the app",
                ),
            ),
            S3Error::Refused { code, .. } if code == crate::media::NO_ACLS => {
                (FailureKind::Configuration, Some(UNSET_ACL))
            }
            S3Error::BadConfiguration(_) | S3Error::Refused { .. } => (
                FailureKind::Configuration,
                Some("bcops doctor   # checks every bucket and permission"),
            ),
            _ => (
                FailureKind::Unexpected,
                Some("see whether the bucket's server can be reached from here, then try again"),
            ),
        };
        CommandError::wrap(kind, error).with_hints(hint)
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
            | GitError::Temporary { .. } => CommandError::wrap(FailureKind::Configuration, error),
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
            }
            GitError::LeaseRejected { .. } => CommandError::wrap(FailureKind::Refused, error)
                .hint("look at what was pushed, then plan again from where it is now"),
            GitError::ProtectedBranch { .. }
            | GitError::HookDeclined { .. }
            | GitError::ShallowNotAllowed { .. }
            | GitError::Refused { .. }
            | GitError::Submodule { .. }
            | GitError::NotLocked { .. } => CommandError::wrap(FailureKind::Refused, error),
            GitError::BuildFailed { .. } => CommandError::wrap(FailureKind::RemoteJob, error),
            GitError::Unreachable { .. }
            | GitError::TimedOut { .. }
            | GitError::Failed { .. }
            | GitError::UnexpectedAnswer { .. }
            | GitError::Endless { .. }
            | GitError::Library { .. }
            | GitError::NotUtf8 { .. }
            | GitError::Lost(_)
            | GitError::Archive { .. }
            | GitError::Thread(_) => CommandError::wrap(FailureKind::Unexpected, error),
        }
    }
}
