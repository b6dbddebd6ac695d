//! A request that brought no usable answer. Nothing in it is secret: what a server says is stripped of
//! the login before it is kept.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;

use super::service::{Advice, Phrasing, Service};
use crate::failure::{CommandError, FailureKind, Hint};

/// What was asked of whom, and why nothing came of it.
#[derive(Debug)]
pub struct ApiError {
    pub service: &'static Service,
    /// What the request was about; before any request, the setting at fault.
    pub what: String,
    /// Host and port.
    pub place: String,
    pub reason: Box<Reason>,
}

#[derive(Debug)]
pub struct Reason {
    pub kind: ErrorKind,
    /// The server's words, or ours where the server is not understood.
    pub message: String,
    pub status: Option<StatusCode>,
    /// The service's own code for it.
    pub id: Option<String>,
    pub retry_after: Option<Duration>,
    pub cause: Option<reqwest::Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The setting cannot be what it has to be.
    Unusable,
    /// The login would travel in the clear.
    Unencrypted,
    /// The credential cannot be one.
    Credentials,
    ClientSetup,
    Unauthorized,
    /// A second factor is wanted.
    TwoFactor,
    Forbidden,
    /// Also for what is there and the login may not see.
    NotFound,
    /// Something else is under way.
    Conflict,
    /// More requests than the service takes.
    OverLimit,
    /// The service does not do it, for another reason.
    Refused,
    /// The service is at fault.
    Failed,
    Redirected,
    /// It is no answer of the service's.
    BadAnswer,
    NoAnswer,
    Timeout,
}

impl ErrorKind {
    /// What a status means where a service says no more.
    pub fn of(status: StatusCode) -> ErrorKind {
        match status.as_u16() {
            300..=399 => ErrorKind::Redirected,
            401 => ErrorKind::Unauthorized,
            403 => ErrorKind::Forbidden,
            404 => ErrorKind::NotFound,
            429 => ErrorKind::OverLimit,
            500.. => ErrorKind::Failed,
            _ => ErrorKind::Refused,
        }
    }
}

impl Reason {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Reason {
        let message = message.into();
        Reason { kind, message, status: None, id: None, retry_after: None, cause: None }
    }

    pub fn bad_answer(message: impl Into<String>) -> Reason {
        Reason::new(ErrorKind::BadAnswer, message)
    }
}

impl ApiError {
    /// A setting that no request can be made with.
    pub fn before_any(service: &'static Service, setting: &str, reason: Reason) -> ApiError {
        let (what, place) = (setting.to_owned(), String::new());
        ApiError { service, what, place, reason: Box::new(reason) }
    }

    pub fn kind(&self) -> ErrorKind {
        self.reason.kind
    }

    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Whether nothing answered.
    pub fn is_unanswered(&self) -> bool {
        matches!(self.kind(), ErrorKind::NoAnswer | ErrorKind::Timeout)
    }

    /// Whether the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        self.is_unanswered() || matches!(self.kind(), ErrorKind::OverLimit | ErrorKind::Failed)
    }

    /// Whether the request may have had its effect although it failed.
    pub fn leaves_doubt(&self) -> bool {
        let was_sent = !self.reason.cause.as_ref().is_some_and(reqwest::Error::is_connect);
        let unclear = [ErrorKind::Failed, ErrorKind::BadAnswer];
        was_sent && (self.is_unanswered() || unclear.contains(&self.kind()))
    }

    fn advice(&self) -> (FailureKind, Advice) {
        use FailureKind::{Configuration, Unexpected};
        let Service { hints, unreadable, .. } = self.service;
        match self.kind() {
            ErrorKind::Unusable | ErrorKind::Unencrypted => (Configuration, hints.unusable),
            ErrorKind::Credentials | ErrorKind::Unauthorized | ErrorKind::TwoFactor => {
                (Configuration, hints.unauthorized)
            }
            ErrorKind::ClientSetup => (Unexpected, Advice::None),
            ErrorKind::Forbidden => (Configuration, hints.forbidden),
            ErrorKind::NotFound => (Configuration, hints.not_found),
            ErrorKind::Conflict => {
                (Unexpected, Advice::Do("wait until the other change is through, then try again"))
            }
            ErrorKind::OverLimit => (Unexpected, hints.over_limit),
            ErrorKind::Refused => (Unexpected, hints.refused),
            ErrorKind::Redirected | ErrorKind::BadAnswer => (*unreadable, hints.bad_answer),
            ErrorKind::Failed | ErrorKind::NoAnswer | ErrorKind::Timeout => {
                (Unexpected, hints.unavailable)
            }
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ErrorKind::*;
        use Phrasing::{About, Doing};
        let ApiError { service: Service { name, login, phrasing, .. }, what, place, reason } = self;
        let Reason { kind, message, .. } = &**reason;
        let status = reason.status.map_or(0, |status| status.as_u16());
        let wait = reason.retry_after.map(|wait| wait.as_secs());
        match (kind, phrasing) {
            (Unusable, _) => write!(f, "{what} is not usable: {message}"),
            (Unencrypted, _) => write!(
                f,
                "{what} is neither https nor on this machine, so the {login} would travel in the clear; use https"
            ),
            (Credentials, _) => {
                write!(f, "{what} is empty or holds characters that no {login} has; set it again")
            }
            (ClientSetup, _) => f.write_str(
                "cannot set up the HTTP client; see whether this machine has its CA certificates installed",
            ),
            (Unauthorized, Doing) => write!(
                f,
                "cannot {what}: {place} does not accept the {login} ({status}): {message}"
            ),
            (Unauthorized, About) => {
                write!(f, "{name} does not accept the {login} ({status}) for {what}: {message}")
            }
            (TwoFactor, _) => write!(
                f,
                "{name} wants a two-factor code for {what}; use a token that was made with one (`heroku authorizations:create`)"
            ),
            (Forbidden, Doing) => write!(
                f,
                "cannot {what}: {place} does not allow this {login} to do so ({status}): {message}"
            ),
            (Forbidden, About) => write!(
                f,
                "{name} does not allow the {login} to read or use {what} ({status}): {message}"
            ),
            (NotFound, Doing) => write!(
                f,
                "cannot {what}: {place} does not have it, or does not show it to this {login} ({status}): {message}"
            ),
            (NotFound, About) => write!(
                f,
                "{name} does not know {what}, or does not show it to the {login}: {message}"
            ),
            (Conflict, _) => write!(
                f,
                "{name} refuses {what} for now, because something else is under way: {message}"
            ),
            (OverLimit, Doing) => {
                let asks = wait.map(|s| format!("; it asks to wait {s} s")).unwrap_or_default();
                write!(
                    f,
                    "cannot {what}: {place} has more requests than it takes (HTTP {status}){asks}"
                )
            }
            (OverLimit, About) => {
                let wait = wait.map_or("a few minutes".to_owned(), |s| format!("{s} seconds"));
                write!(f, "{name}'s request limit is used up ({what}); wait {wait} and try again")
            }
            (Refused, Doing) => {
                write!(f, "cannot {what}: {place} refuses (HTTP {status}): {message}")
            }
            (Failed, Doing) => {
                write!(f, "cannot {what}: {place} failed (HTTP {status}): {message}")
            }
            (Refused | Failed, About) => {
                let id = reason.id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
                write!(f, "{name} answered {status}{id} to {what}: {message}")
            }
            (Redirected, Doing) => write!(
                f,
                "cannot {what}: {place} sends us elsewhere (HTTP {status}), where the {login} may not go"
            ),
            (Redirected, About) => {
                write!(f, "{name}'s answer to {what} is a redirect that is not followed")
            }
            (BadAnswer, Doing) => write!(
                f,
                "cannot {what}: {place} sent something that is no answer of {name}'s: {message}"
            ),
            (BadAnswer, About) => write!(
                f,
                "the answer to {what} is not one of {name}'s: {message}; see whether a proxy stands before it"
            ),
            (NoAnswer, Doing) => write!(f, "cannot {what}: no answer from {place}"),
            (NoAnswer, About) => write!(f, "no answer from {name} to {what}"),
            (Timeout, Doing) => {
                write!(f, "cannot {what}: {place} did not answer within {message} s")
            }
            (Timeout, About) => write!(f, "no answer from {name} to {what} within {message} s"),
        }
    }
}

impl std::error::Error for ApiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.reason.cause.as_ref().map(|cause| cause as _)
    }
}

impl From<ApiError> for CommandError {
    fn from(error: ApiError) -> Self {
        let (kind, advice) = error.advice();
        let hint = match advice {
            Advice::None => None,
            Advice::Do(text) => Some(Hint::Text(text.replace("{what}", &error.what))),
            Advice::Run(purpose, command) => Some(Hint::run(purpose, command)),
        };
        CommandError::wrap(kind, error).with_hints(hint)
    }
}
