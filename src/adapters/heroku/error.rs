//! What can go wrong between bcops and Heroku. No variant holds a token, a signed URL or a
//! database URL: what a server says is stripped of them before it is kept.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use super::one_off::{OneOffError, StopReason};
use super::transfers::Transfer;
use crate::adapters::backoff::Failure;
use crate::failure::Hint;
use crate::failure::{CommandError, FailureKind};

#[derive(Debug, Error)]
pub enum HerokuError {
    #[error("{variable} is not usable: {reason}; give a host name, or a URL with scheme and port")]
    InvalidEndpoint { variable: &'static str, reason: String },

    #[error(
        "{variable} is neither https nor on this machine, so the token would travel in the clear; use https"
    )]
    UnencryptedEndpoint { variable: &'static str },

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

    #[error(
        "the Heroku token from {origin} holds characters that a token cannot have; set it again"
    )]
    InvalidToken { origin: String },

    #[error(
        "the HTTP client could not be set up; see whether this machine has its CA certificates installed"
    )]
    ClientSetup(#[source] reqwest::Error),

    #[error("`{name}` cannot be a name in a request to Heroku")]
    InvalidName { name: String },

    #[error(
        "Heroku does not accept the token (401) for {what}; run `heroku login`, or set HEROKU_API_KEY anew"
    )]
    Unauthorized { what: String },

    #[error(
        "Heroku wants a two-factor code for {what}; use a token that was made with one (`heroku authorizations:create`)"
    )]
    TwoFactor { what: String },

    #[error("this Heroku account may not read or use {what}: {message}")]
    Forbidden { what: String, message: String },

    #[error("Heroku does not know {what}, or this account cannot see it")]
    NotFound { what: String },

    #[error("Heroku's request limit is used up ({what}); wait {} and try again", wait_in_words(.retry_after))]
    RateLimited { what: String, retry_after: Option<Duration> },

    #[error("Heroku refuses {what} for now, because something else is under way: {message}")]
    Conflict { what: String, message: String },

    #[error("Heroku answered {status}{} to {what}: {message}", id_in_words(.id))]
    Api { what: String, status: u16, id: Option<String>, message: String },

    #[error("Heroku's answer to {what} is a redirect that is not followed")]
    Redirected { what: String },

    #[error(
        "Heroku's answer to {what} is not JSON; see whether the endpoint is right and whether a proxy stands before it"
    )]
    NotJson { what: String },

    #[error("Heroku's answer to {what} does not have the form that bcops knows")]
    UnexpectedJson {
        what: String,
        #[source]
        cause: serde_json::Error,
    },

    #[error("Heroku's answer to {what} is too long or never ends")]
    Endless { what: String },

    #[error("no answer from Heroku to {what}")]
    Network {
        what: String,
        #[source]
        cause: reqwest::Error,
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

impl Failure for HerokuError {
    fn try_again_after(&self) -> Option<Duration> {
        match self {
            HerokuError::RateLimited { retry_after, .. } => Some(retry_after.unwrap_or_default()),
            HerokuError::Network { .. } | HerokuError::Api { status: 500.., .. } => {
                Some(Duration::ZERO)
            }
            _ => None,
        }
    }
}

impl HerokuError {
    /// Whether the same question may be answered a moment later.
    pub fn is_transient(&self) -> bool {
        self.try_again_after().is_some()
    }

    /// Whether a request that changes something may have had its effect although it failed.
    pub(crate) fn leaves_doubt(&self) -> bool {
        match self {
            HerokuError::Network { cause, .. } => !cause.is_connect(),
            HerokuError::UnexpectedJson { .. }
            | HerokuError::NotJson { .. }
            | HerokuError::Endless { .. } => true,
            HerokuError::Api { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// Whether Heroku has understood the request and does not do it, as opposed to a token that it
    /// does not accept and to a limit.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            HerokuError::NotFound { .. } | HerokuError::Conflict { .. } => true,
            HerokuError::Api { status, .. } => (400..500).contains(status),
            _ => false,
        }
    }

    /// Whether asking again cannot help.
    pub(super) fn is_final(&self) -> bool {
        matches!(
            self,
            HerokuError::Unauthorized { .. }
                | HerokuError::TwoFactor { .. }
                | HerokuError::Forbidden { .. }
                | HerokuError::NotFound { .. }
        )
    }

    pub(super) fn lost_sight(transfer: &Transfer, polls: u32, cause: HerokuError) -> Self {
        HerokuError::TransferUnseen { name: transfer.name(), polls, cause: Box::new(cause) }
    }
}

/// A server's own words, fit for a message: one line of bounded length, without the token and
/// without any URL that holds credentials or a signature.
pub(super) fn redacted(message: &str, token: &str) -> String {
    const LONGEST: usize = 500;
    let words = message.split_whitespace().map(|word| {
        let secret_url = word.contains("://") && word.contains(['@', '?']);
        if secret_url || (!token.is_empty() && word.contains(token)) { "[secret]" } else { word }
    });
    let text: Vec<&str> = words.collect();
    text.join(" ").chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

fn wait_in_words(retry_after: &Option<Duration>) -> String {
    match retry_after {
        Some(wait) => format!("{} seconds", wait.as_secs()),
        None => "a few minutes".to_owned(),
    }
}

fn id_in_words(id: &Option<String>) -> String {
    id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default()
}

fn list_in_words(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn log_in_words(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!(": {}", lines.join("; ")) }
}

impl From<HerokuError> for CommandError {
    fn from(error: HerokuError) -> Self {
        const LOGIN: &str = "heroku login   # or set HEROKU_API_KEY to the output of `heroku authorizations:create`";
        let (kind, hint): (FailureKind, Option<Hint>) = match &error {
            HerokuError::NoCredentials { .. }
            | HerokuError::InvalidToken { .. }
            | HerokuError::Unauthorized { .. } => (FailureKind::Configuration, Some(LOGIN.into())),
            HerokuError::TwoFactor { .. } => {
                let hint = "set HEROKU_API_KEY to the output of `heroku authorizations:create`";
                (FailureKind::Configuration, Some(hint.into()))
            }
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
            | HerokuError::NoBackup { .. } => {
                let hint = "bcops doctor   # checks every app and permission";
                (FailureKind::Configuration, Some(hint.into()))
            }
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
            HerokuError::UnusableBackup { .. }
            | HerokuError::ResetUnclear { .. }
            | HerokuError::DynosUnsettled { .. }
            | HerokuError::NotTaken { .. }
            | HerokuError::JobFailed { .. }
            | HerokuError::JobUnseen { .. }
            | HerokuError::JobTooLong { .. }
            | HerokuError::RollbackLost { .. } => (FailureKind::RemoteJob, None),
            HerokuError::OneOff(_) => {
                let purpose = "see whether the dyno still runs";
                (FailureKind::RemoteJob, Some(Hint::run(purpose, "heroku ps --app")))
            }
            HerokuError::RateLimited { .. } => {
                let hint =
                    "wait, then try again; every user of the same token draws on the same limit";
                (FailureKind::Unexpected, Some(hint.into()))
            }
            HerokuError::Conflict { .. } => {
                let hint = "wait until the other change is through, then try again";
                (FailureKind::Unexpected, Some(hint.into()))
            }
            HerokuError::ClientSetup(_)
            | HerokuError::Api { .. }
            | HerokuError::Redirected { .. }
            | HerokuError::NotJson { .. }
            | HerokuError::UnexpectedJson { .. }
            | HerokuError::Endless { .. }
            | HerokuError::Network { .. }
            | HerokuError::UnclearSource { .. }
            | HerokuError::OutputElsewhere { .. }
            | HerokuError::Output { .. }
            | HerokuError::SourcePlace => {
                let hint = "see https://status.heroku.com and whether HEROKU_HOST can be reached \
                            from here, then try again";
                (FailureKind::Unexpected, Some(hint.into()))
            }
        };
        CommandError::wrap(kind, error).with_hints(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_server_lose_their_secrets() {
        let said =
            "bad\ntoken HRKU-1 for postgres://u:p@h/d and https://s3/x?X-Amz=1, see https://h/doc";
        let kept = redacted(said, "HRKU-1");
        assert_eq!(kept, "bad token [secret] for [secret] and [secret] see https://h/doc");
        assert!(redacted(&"x".repeat(9000), "").len() <= 500);
    }
}
