//! What can go wrong between bcops and Heroku. No variant holds a token, a signed URL or a
//! database URL: what a server says is stripped of them before it is kept.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use super::one_off::{OneOffError, StopReason};
use super::service::{DOCTOR, LOGIN, STATUS};
use crate::adapters::json_api::{ApiError, ErrorKind};
use crate::failure::{CommandError, FailureKind, Hint};

#[derive(Debug, Error)]
pub enum HerokuError {
    #[error(transparent)]
    Api(#[from] ApiError),

    #[error(
        "no Heroku token found ({tried}); set HEROKU_API_KEY, add an entry for {machine} to ~/.netrc, or run `heroku login` so that `heroku auth:token` prints one"
    )]
    NoCredentials { machine: String, tried: String },

    #[error("cannot read {path} for the Heroku token")]
    UnreadableNetrc {
        path: String,
        #[source]
        cause: std::io::Error,
    },

    #[error("{app} has no Heroku Postgres database called {name}; it has: {}", list_in_words(.known))]
    UnknownDatabase { app: String, name: String, known: Vec<String> },

    #[error("{name} of {app} fits several databases: {}; name one of them", list_in_words(.candidates))]
    AmbiguousDatabase { app: String, name: String, candidates: Vec<String> },

    #[error(
        "the answer to the request for {request} was lost, and nothing new has appeared since; look at the list before trying again"
    )]
    TransferLost {
        request: String,
        #[source]
        cause: Box<HerokuError>,
    },
    #[error("the answer to the request for {request} was lost, and several new ones have appeared since: {}; look at them and pick one", list_in_words(.names))]
    TransferUnclear { request: String, names: Vec<String> },
    #[error("the app's backups come from several databases, none of which is {database} today: {}; name one with --backup", list_in_words(.sources))]
    UnclearSource { database: String, sources: Vec<String> },

    #[error("transfer {name} failed{}", log_in_words(.last_lines))]
    TransferFailed { name: String, last_lines: Vec<String> },

    #[error("transfer {name} was cancelled")]
    TransferCanceled { name: String },

    #[error(
        "lost sight of transfer {name} after {polls} failed polls in a row; it may still be running"
    )]
    TransferUnseen {
        name: String,
        polls: u32,
        #[source]
        cause: Box<HerokuError>,
    },

    #[error("transfer {name} has not ended within {} minutes; it may still be running", .limit.as_secs() / 60)]
    TransferTooLong { name: String, limit: Duration },
    #[error(
        "Heroku answers about the app {answered} when asked for {asked}, which was perhaps renamed; put the name of today into the configuration"
    )]
    AnotherApp { asked: String, answered: String },
    #[error(
        "the database {database} belongs to {owner} and is only attached to {app}, so it is not written to"
    )]
    ForeignDatabase { database: String, owner: String, app: String },
    #[error("cannot change {what} to {wanted}: it reads {found}; {because}")]
    NotTaken { what: String, wanted: String, found: String, because: NotTaken },
    #[error("the dynos of {app} have not become {wanted} within {} minutes: {}", .limit.as_secs() / 60, list_in_words(.found))]
    DynosUnsettled { app: String, wanted: String, found: Vec<String>, limit: Duration },
    #[error("{app} has no add-on that {name} means and that has a console")]
    NoConsole { app: String, name: String },
    #[error("{app} has no backup called {name}")]
    NoBackup { app: String, name: String },
    #[error("backup {name} cannot be restored: {reason}")]
    UnusableBackup { name: String, reason: &'static str },
    #[error(
        "the answer to the reset of {database} was lost: it may be empty now, or become so in a moment"
    )]
    ResetUnclear {
        database: String,
        #[source]
        cause: Box<HerokuError>,
    },
    #[error("{what} ended as `{status}`")]
    JobFailed { what: String, status: String },
    #[error("lost sight of {what} after {polls} failed polls in a row; it may still be running")]
    JobUnseen {
        what: String,
        polls: u32,
        #[source]
        cause: Box<HerokuError>,
    },
    #[error("{what} has not ended within {} minutes; it may still be running", .limit.as_secs() / 60)]
    JobTooLong { what: String, limit: Duration },
    #[error("{what} speaks of a place for its output that may not be read")]
    OutputElsewhere { what: String },
    #[error("the output of {what} cannot be passed on")]
    Output {
        what: String,
        #[source]
        cause: std::io::Error,
    },
    #[error(
        "the answer to the rollback of {app} to v{version} was lost, and no such release has appeared since; look at the list before trying again"
    )]
    RollbackLost {
        app: String,
        version: u64,
        #[source]
        cause: Box<HerokuError>,
    },
    #[error("cannot upload the source code: Heroku names a place for it that is not encrypted")]
    SourcePlace,
    #[error(transparent)]
    OneOff(#[from] OneOffError),
}

/// Why a state that was asked for is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// No clear answer came to the change.
    NoAnswer,
    /// Heroku answered well, and has not done it.
    Ignored,
    /// Heroku answered with the new state, and later reads show another.
    ChangedSince,
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotTaken::NoAnswer => "Heroku gave no clear answer to the change",
            NotTaken::Ignored => "Heroku accepted the change and did not make it",
            NotTaken::ChangedSince => "someone else changed it a moment later",
        })
    }
}

impl HerokuError {
    /// The request that failed, if it is one.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            HerokuError::Api(error) => Some(error),
            _ => None,
        }
    }

    fn is(&self, kinds: &[ErrorKind]) -> bool {
        self.api().is_some_and(|error| kinds.contains(&error.kind()))
    }

    pub fn is_not_found(&self) -> bool {
        self.is(&[ErrorKind::NotFound])
    }

    /// Whether nothing answered.
    pub fn is_unanswered(&self) -> bool {
        self.api().is_some_and(ApiError::is_unanswered)
    }

    /// Whether the same question may be answered a moment later.
    pub fn is_transient(&self) -> bool {
        self.api().is_some_and(ApiError::is_transient)
    }

    /// Whether a request that changes something may have had its effect although it failed.
    pub(crate) fn leaves_doubt(&self) -> bool {
        self.api().is_some_and(ApiError::leaves_doubt)
    }

    /// Whether Heroku has understood the request and does not do it, as opposed to a token that it
    /// does not accept and to a limit.
    pub(crate) fn is_refusal(&self) -> bool {
        self.is(&[ErrorKind::NotFound, ErrorKind::Conflict, ErrorKind::Refused])
    }

    /// Whether this account may not see it, or it is not there.
    pub(super) fn is_hidden(&self) -> bool {
        self.is(&[ErrorKind::Forbidden, ErrorKind::NotFound])
    }

    /// Whether asking again cannot help.
    pub(super) fn is_final(&self) -> bool {
        self.is_hidden() || self.is(&[ErrorKind::Unauthorized, ErrorKind::TwoFactor])
    }
}

fn list_in_words(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn log_in_words(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!(": {}", lines.join("; ")) }
}

impl From<HerokuError> for CommandError {
    fn from(error: HerokuError) -> Self {
        let (kind, hint): (FailureKind, Option<Hint>) = match error {
            HerokuError::Api(error) => return error.into(),
            HerokuError::NoCredentials { .. } => (FailureKind::Configuration, Some(LOGIN.into())),
            HerokuError::UnreadableNetrc { .. }
            | HerokuError::UnknownDatabase { .. }
            | HerokuError::AmbiguousDatabase { .. }
            | HerokuError::AnotherApp { .. }
            | HerokuError::NoConsole { .. }
            | HerokuError::NoBackup { .. } => (FailureKind::Configuration, Some(DOCTOR.into())),
            HerokuError::ForeignDatabase { .. } => (FailureKind::Refused, None),
            HerokuError::OneOff(OneOffError::GivenUp {
                reason: StopReason::Interrupted, ..
            }) => (FailureKind::Interrupted, None),
            HerokuError::TransferFailed { .. }
            | HerokuError::TransferCanceled { .. }
            | HerokuError::TransferUnseen { .. }
            | HerokuError::TransferTooLong { .. }
            | HerokuError::TransferLost { .. }
            | HerokuError::TransferUnclear { .. } => {
                let purpose = "see what became of the transfer";
                (FailureKind::RemoteJob, Some(Hint::run(purpose, "bcops backups list")))
            }
            HerokuError::UnusableBackup { .. } => {
                let purpose = "choose another backup";
                (FailureKind::RemoteJob, Some(Hint::run(purpose, "bcops backups list")))
            }
            HerokuError::ResetUnclear { .. } => {
                let purpose = "see whether the database is empty";
                (FailureKind::RemoteJob, Some(Hint::run(purpose, "heroku pg:info --app")))
            }
            HerokuError::DynosUnsettled { .. } | HerokuError::NotTaken { .. } => {
                let purpose = "see how the dynos stand";
                (FailureKind::RemoteJob, Some(Hint::run(purpose, "heroku ps --app")))
            }
            HerokuError::JobFailed { .. }
            | HerokuError::JobUnseen { .. }
            | HerokuError::JobTooLong { .. } => {
                let purpose = "read what the app logged";
                (FailureKind::RemoteJob, Some(Hint::run(purpose, "heroku logs --app")))
            }
            HerokuError::RollbackLost { .. } => {
                let purpose = "see the releases";
                (FailureKind::RemoteJob, Some(Hint::run(purpose, "heroku releases --app")))
            }
            HerokuError::OneOff(_) => {
                let purpose = "see whether the dyno still runs";
                (FailureKind::RemoteJob, Some(Hint::run(purpose, "heroku ps --app")))
            }
            HerokuError::UnclearSource { .. }
            | HerokuError::OutputElsewhere { .. }
            | HerokuError::Output { .. }
            | HerokuError::SourcePlace => (FailureKind::Unexpected, Some(STATUS.into())),
        };
        CommandError::wrap(kind, error).with_hints(hint)
    }
}
