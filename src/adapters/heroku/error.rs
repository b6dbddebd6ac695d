//! Describes what can fail between bcops and Heroku. No variant holds a token, a signed URL or a
//! database URL: bcops removes these from all text of servers.

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

    #[error("cannot find a Heroku token for {machine}: {tried}")]
    NoCredentials { machine: String, tried: String },

    #[error("cannot read the Heroku token from {path}")]
    UnreadableNetrc {
        path: String,
        #[source]
        cause: std::io::Error,
    },

    #[error("{app} has no Heroku Postgres database called {name}; its databases: {}", list_in_words(.known))]
    UnknownDatabase { app: String, name: String, known: Vec<String> },

    #[error("{name} means several databases of {app}: {}; name one of these", list_in_words(.candidates))]
    AmbiguousDatabase { app: String, name: String, candidates: Vec<String> },

    #[error(
        "Heroku's answer to the request for {request} was lost, and nothing new has appeared; look at the list before you try again"
    )]
    TransferLost {
        request: String,
        #[source]
        cause: Box<HerokuError>,
    },
    #[error("Heroku's answer to the request for {request} was lost, and several new ones have appeared: {}; look at them and pick one", list_in_words(.names))]
    TransferUnclear { request: String, names: Vec<String> },
    #[error("cannot pick a backup: the app's backups come from several databases, and none is {database} today: {}; name a backup with --backup", list_in_words(.sources))]
    UnclearSource { database: String, sources: Vec<String> },

    #[error("transfer {name} failed{}", log_in_words(.last_lines))]
    TransferFailed { name: String, last_lines: Vec<String> },

    #[error("transfer {name} was cancelled")]
    TransferCanceled { name: String },

    #[error(
        "cannot follow transfer {name}: {polls} polls in a row failed; the transfer may still be running"
    )]
    TransferUnseen {
        name: String,
        polls: u32,
        #[source]
        cause: Box<HerokuError>,
    },

    #[error("transfer {name} did not end within {} minutes; it may still be running", .limit.as_secs() / 60)]
    TransferTooLong { name: String, limit: Duration },
    #[error(
        "Heroku answers for the app {answered} instead of {asked}, which was perhaps renamed; set the app's current name in bcops.toml"
    )]
    AnotherApp { asked: String, answered: String },
    #[error(
        "cannot write to the database {database}: it belongs to {owner} and is only attached to {app}"
    )]
    ForeignDatabase { database: String, owner: String, app: String },
    #[error("cannot change {what} to {wanted}: it reads {found}; {because}")]
    NotTaken { what: String, wanted: String, found: String, because: NotTaken },
    #[error("the dynos of {app} did not reach {wanted} within {} minutes: {}", .limit.as_secs() / 60, list_in_words(.found))]
    DynosUnsettled { app: String, wanted: String, found: Vec<String>, limit: Duration },
    #[error("{app} has no add-on called {name} with a console")]
    NoConsole { app: String, name: String },
    #[error("{app} has no backup called {name}")]
    NoBackup { app: String, name: String },
    #[error("cannot restore backup {name}: {reason}")]
    UnusableBackup { name: String, reason: &'static str },
    #[error(
        "Heroku's answer to the reset of {database} was lost; the database may be empty now or soon"
    )]
    ResetUnclear {
        database: String,
        #[source]
        cause: Box<HerokuError>,
    },
    #[error("{what} ended as `{status}`")]
    JobFailed { what: String, status: String },
    #[error("cannot follow {what}: {polls} polls in a row failed; it may still be running")]
    JobUnseen {
        what: String,
        polls: u32,
        #[source]
        cause: Box<HerokuError>,
    },
    #[error("{what} did not end within {} minutes; it may still be running", .limit.as_secs() / 60)]
    JobTooLong { what: String, limit: Duration },
    #[error("cannot read the output of {what}: Heroku's address for it is not encrypted")]
    OutputElsewhere { what: String },
    #[error("cannot write the output of {what}")]
    Output {
        what: String,
        #[source]
        cause: std::io::Error,
    },
    #[error(
        "Heroku's answer to the rollback of {app} to v{version} was lost, and no such release has appeared; look at the list before you try again"
    )]
    RollbackLost {
        app: String,
        version: u64,
        #[source]
        cause: Box<HerokuError>,
    },
    #[error("cannot upload the source code: Heroku's address for it is not encrypted")]
    SourcePlace,
    #[error(transparent)]
    OneOff(#[from] OneOffError),
}

/// Why a requested state was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// Heroku gave no clear answer to the change.
    NoAnswer,
    /// Heroku accepted the change and did not make it.
    Ignored,
    /// Heroku answered with the new state, but later reads show another state.
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

    /// Whether no answer came.
    pub fn is_unanswered(&self) -> bool {
        self.api().is_some_and(ApiError::is_unanswered)
    }

    /// Whether the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        self.api().is_some_and(ApiError::is_transient)
    }

    /// Whether a failed request may still have changed something.
    pub(crate) fn leaves_doubt(&self) -> bool {
        self.api().is_some_and(ApiError::leaves_doubt)
    }

    /// Whether Heroku understood the request and refused it. A refused token and a rate limit do
    /// not count.
    pub(crate) fn is_refusal(&self) -> bool {
        self.is(&[ErrorKind::NotFound, ErrorKind::Conflict, ErrorKind::Refused])
    }

    /// Whether the object is missing, or this account may not see it.
    pub(super) fn is_hidden(&self) -> bool {
        self.is(&[ErrorKind::Forbidden, ErrorKind::NotFound])
    }

    /// Whether another request cannot help.
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
                let purpose = "see the state of the transfer";
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
