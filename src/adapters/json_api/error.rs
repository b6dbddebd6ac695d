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

    /// The sentence for a service's phrasing, with the names of what is filled in.
    fn sentence(&self) -> &'static str {
        let (doing, about) = match self.kind() {
            ErrorKind::Unusable => return "{what} is not usable: {message}",
            ErrorKind::Unencrypted => {
                return "{what} is neither https nor on this machine, so the {login} would travel in the clear; use https";
            }
            ErrorKind::Credentials => {
                return "{what} is empty or holds characters that no {login} has; set it again";
            }
            ErrorKind::ClientSetup => {
                return "cannot set up the HTTP client; see whether this machine has its CA certificates installed";
            }
            ErrorKind::Unauthorized => (
                "cannot {what}: {place} does not accept the {login} ({status}): {message}",
                "{name} does not accept the {login} ({status}) for {what}: {message}",
            ),
            ErrorKind::TwoFactor => {
                return "{name} wants a two-factor code for {what}; use a token that was made with one (`heroku authorizations:create`)";
            }
            ErrorKind::Forbidden => (
                "cannot {what}: {place} does not allow this {login} to do so ({status}): {message}",
                "{name} does not allow this {login} to read or use {what} ({status}): {message}",
            ),
            ErrorKind::NotFound => (
                "cannot {what}: {place} does not have it, or does not show it to this {login} ({status}): {message}",
                "{name} does not know {what}, or does not show it to this {login}: {message}",
            ),
            ErrorKind::Conflict => {
                return "{name} refuses {what} for now, because something else is under way: {message}";
            }
            ErrorKind::OverLimit => (
                "cannot {what}: {place} has more requests than it takes (HTTP {status}){asks}",
                "{name}'s request limit is used up ({what}); wait {wait} and try again",
            ),
            ErrorKind::Refused => (
                "cannot {what}: {place} refuses (HTTP {status}): {message}",
                "{name} answered {status}{id} to {what}: {message}",
            ),
            ErrorKind::Failed => (
                "cannot {what}: {place} failed (HTTP {status}): {message}",
                "{name} answered {status}{id} to {what}: {message}",
            ),
            ErrorKind::Redirected => (
                "cannot {what}: {place} sends us elsewhere (HTTP {status}), where the {login} may not go",
                "{name}'s answer to {what} is a redirect that is not followed",
            ),
            ErrorKind::BadAnswer => (
                "cannot {what}: {place} sent something that is no answer of {name}'s: {message}",
                "the answer to {what} is not one of {name}'s: {message}; see whether a proxy stands before it",
            ),
            ErrorKind::NoAnswer => {
                ("cannot {what}: no answer from {place}", "no answer from {name} to {what}")
            }
            ErrorKind::Timeout => (
                "cannot {what}: {place} did not answer within {message} s",
                "no answer from {name} to {what} within {message} s",
            ),
        };
        match self.service.phrasing {
            Phrasing::Doing => doing,
            Phrasing::About => about,
        }
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

    /// What stands in the place of a name in braces.
    fn value(&self, name: &str) -> String {
        let Reason { message, status, id, retry_after, .. } = &*self.reason;
        let wait = retry_after.map(|wait| wait.as_secs());
        match name {
            "what" => self.what.clone(),
            "place" => self.place.clone(),
            "name" => self.service.name.to_owned(),
            "login" => self.service.login.to_owned(),
            "message" => message.clone(),
            "status" => status.map(|status| status.as_u16().to_string()).unwrap_or_default(),
            "id" => id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default(),
            "wait" => wait.map_or("a few minutes".to_owned(), |s| format!("{s} seconds")),
            _ => wait.map(|s| format!("; it asks to wait {s} s")).unwrap_or_default(),
        }
    }

    fn fill_in(&self, template: &str) -> String {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            text.push_str(before);
            text.push_str(&self.value(name));
            rest = after;
        }
        text + rest
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fill_in(self.sentence()))
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
            Advice::Do(what) => Some(Hint::Text(error.fill_in(what))),
            Advice::Run(purpose, command) => Some(Hint::run(purpose, command)),
        };
        CommandError::wrap(kind, error).with_hints(hint)
    }
}
