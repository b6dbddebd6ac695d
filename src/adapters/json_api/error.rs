//! Describes a request without a usable answer. It holds no secrets, because the login is removed
//! from all text of servers.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;

use super::service::{Advice, Phrasing, Service};
use crate::failure::{CommandError, FailureKind, Hint};

/// The request, the service, and why the request failed.
#[derive(Debug)]
pub struct ApiError {
    pub service: &'static Service,
    /// The subject of the request, or the wrong setting if no request was made.
    pub what: String,
    /// Host and port.
    pub place: String,
    pub reason: Box<Reason>,
}

#[derive(Debug)]
pub struct Reason {
    pub kind: ErrorKind,
    /// The server's words, or ours if the answer was not understood.
    pub message: String,
    pub status: Option<StatusCode>,
    /// The service's own code for the error.
    pub id: Option<String>,
    pub retry_after: Option<Duration>,
    pub cause: Option<reqwest::Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The setting is not valid.
    Unusable,
    /// The login would be sent unencrypted.
    Unencrypted,
    /// The credential is not valid.
    Credentials,
    ClientSetup,
    Unauthorized,
    /// The service requires a second factor.
    TwoFactor,
    Forbidden,
    /// Also for objects that the login may not see.
    NotFound,
    /// Another change is in progress.
    Conflict,
    /// The rate limit is reached.
    OverLimit,
    /// The service refused for another reason.
    Refused,
    /// The service is at fault.
    Failed,
    Redirected,
    /// The answer does not come from the service.
    BadAnswer,
    NoAnswer,
    Timeout,
}

impl ErrorKind {
    /// The meaning of a status without further details.
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
    /// The error for a setting that makes requests impossible.
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

    /// Whether no answer came.
    pub fn is_unanswered(&self) -> bool {
        matches!(self.kind(), ErrorKind::NoAnswer | ErrorKind::Timeout)
    }

    /// Whether the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        self.is_unanswered() || matches!(self.kind(), ErrorKind::OverLimit | ErrorKind::Failed)
    }

    /// Whether the failed request may still have changed something.
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
                (Unexpected, Advice::Do("wait until the other change has finished, then try again"))
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
            (Unusable, _) => write!(f, "cannot use {what}: {message}"),
            (Unencrypted, _) => write!(
                f,
                "cannot use {what}: it is neither https nor on this machine, so the {login} would be sent unencrypted; use https"
            ),
            (Credentials, _) => {
                write!(f, "cannot use {what}: it is empty or holds characters that a {login} cannot have; set it again")
            }
            (ClientSetup, _) => f.write_str(
                "cannot set up the HTTP client; check that this machine has CA certificates installed",
            ),
            (Unauthorized, Doing) => write!(
                f,
                "cannot {what}: {place} refused the {login} ({status}): {message}"
            ),
            (Unauthorized, About) => {
                write!(f, "{name} refused the {login} ({status}) for {what}: {message}")
            }
            (TwoFactor, _) => write!(
                f,
                "{name} requires a two-factor code for {what}; use a token that was made with one (`heroku authorizations:create`)"
            ),
            (Forbidden, Doing) => write!(
                f,
                "cannot {what}: this {login} lacks permission at {place} ({status}): {message}"
            ),
            (Forbidden, About) => {
                write!(f, "this {name} account lacks permission for {what}: {message}")
            }
            (NotFound, Doing) => write!(
                f,
                "cannot {what}: {place} does not find it, or hides it from this {login} ({status}): {message}"
            ),
            (NotFound, About) => write!(
                f,
                "cannot find {what} at {name}, or the {login} lacks permission: {message}"
            ),
            (Conflict, _) => write!(
                f,
                "{name} refuses {what} for now, because another change is in progress: {message}"
            ),
            (OverLimit, Doing) => {
                let asks = wait.map(|s| format!("; wait {s} s")).unwrap_or_default();
                write!(
                    f,
                    "cannot {what}: {place} reports too many requests (HTTP {status}){asks}"
                )
            }
            (OverLimit, About) => {
                let wait = wait.map_or("a few minutes".to_owned(), |s| format!("{s} seconds"));
                write!(f, "{name}'s request limit is used up ({what}); wait {wait} and try again")
            }
            (Refused, Doing) => {
                write!(f, "cannot {what}: {place} refused (HTTP {status}): {message}")
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
                "cannot {what}: {place} redirects to another server (HTTP {status}), which must not get the {login}"
            ),
            (Redirected, About) => {
                write!(f, "{name} redirects the request for {what} to an address that bcops does not follow")
            }
            (BadAnswer, Doing) => write!(
                f,
                "cannot {what}: the answer from {place} is not {name}'s: {message}"
            ),
            (BadAnswer, About) => write!(
                f,
                "the answer about {what} is not {name}'s: {message}; check whether a proxy is in between"
            ),
            (NoAnswer, Doing) => write!(f, "cannot {what}: no answer from {place}"),
            (NoAnswer, About) => write!(f, "no answer from {name} about {what}"),
            (Timeout, Doing) => {
                write!(f, "cannot {what}: {place} did not answer within {message} s")
            }
            (Timeout, About) => write!(f, "no answer from {name} about {what} within {message} s"),
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
