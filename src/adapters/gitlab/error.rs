//! What can go wrong between here and GitLab.

use std::time::Duration;

use thiserror::Error;

use crate::adapters::backoff::Failure;
use crate::adapters::transport::wait_in_words;
use crate::failure::{CommandError, FailureKind};

#[derive(Debug, Error)]
pub enum GitlabError {
    #[error("gitlab.url is not usable: {reason}; give a URL with scheme and host")]
    InvalidUrl { reason: String },
    #[error(
        "gitlab.url is neither https nor on this machine, so the token would travel in the clear; use https"
    )]
    UnencryptedUrl,
    #[error("gitlab.project is `{given}`, which is no project: write its path, as in group/site")]
    InvalidProject { given: String },
    #[error("GITLAB_TOKEN holds characters that no token has; set it again")]
    InvalidToken,
    #[error("cannot set up the HTTP client")]
    ClientSetup(#[source] reqwest::Error),
    #[error("cannot {what}: {place} does not accept the token: {message}")]
    Unauthorized { what: String, place: String, message: String },
    #[error("cannot {what}: {place} does not allow this token to do so: {message}")]
    Forbidden { what: String, place: String, message: String },
    /// Also for what is there and the token may not see.
    #[error("cannot {what}: {place} has none, or does not show it to this token: {message}")]
    NotFound { what: String, place: String, message: String },
    #[error(
        "cannot {what}: {place} has more requests than it takes (HTTP 429){}",
        wait_in_words(.retry_after)
    )]
    RateLimited { what: String, place: String, retry_after: Option<Duration> },
    #[error("cannot {what}: {place} refuses (HTTP {status}): {message}")]
    Refused { what: String, place: String, status: u16, message: String },
    #[error("cannot {what}: {place} failed (HTTP {status}): {message}")]
    Server { what: String, place: String, status: u16, message: String },
    /// The token is for one server, and is not sent to another.
    #[error(
        "cannot {what}: {place} sends us elsewhere (HTTP {status}), where the token may not go"
    )]
    Redirected { what: String, place: String, status: u16 },
    #[error("cannot {what}: no answer from {place}")]
    Network {
        what: String,
        place: String,
        #[source]
        cause: reqwest::Error,
    },
    #[error("cannot {what}: {place} did not answer within {seconds} s")]
    Timeout { what: String, place: String, seconds: u64 },
    #[error("cannot {what}: {place} sent something that is no answer of GitLab's: {reason}")]
    BadAnswer { what: String, place: String, reason: String },
}

impl GitlabError {
    /// Whether the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        self.try_again_after().is_some()
    }
}

impl Failure for GitlabError {
    fn try_again_after(&self) -> Option<Duration> {
        match self {
            GitlabError::RateLimited { retry_after, .. } => Some(retry_after.unwrap_or_default()),
            GitlabError::Server { .. }
            | GitlabError::Network { .. }
            | GitlabError::Timeout { .. } => Some(Duration::ZERO),
            _ => None,
        }
    }
}

impl From<GitlabError> for CommandError {
    fn from(error: GitlabError) -> Self {
        let (kind, hint) = match &error {
            GitlabError::InvalidUrl { .. }
            | GitlabError::UnencryptedUrl
            | GitlabError::BadAnswer { .. } => {
                (FailureKind::Configuration, Some("set gitlab.url in bcops.toml, or GITLAB_URL"))
            }
            GitlabError::InvalidProject { .. } => {
                (FailureKind::Configuration, Some("set gitlab.project in bcops.toml"))
            }
            GitlabError::InvalidToken | GitlabError::Unauthorized { .. } => (
                FailureKind::Configuration,
                Some("make a new access token in GitLab, and set GITLAB_TOKEN to it"),
            ),
            GitlabError::Forbidden { .. } => (
                FailureKind::Configuration,
                Some("make an access token that may read_api, and set GITLAB_TOKEN to it"),
            ),
            GitlabError::NotFound { .. } => (
                FailureKind::Configuration,
                Some("ask to be added to the project, or set gitlab.project in bcops.toml"),
            ),
            GitlabError::Redirected { .. } => (
                FailureKind::Configuration,
                Some("set gitlab.url in bcops.toml, or GITLAB_URL, to the server's own address"),
            ),
            GitlabError::RateLimited { .. } => {
                (FailureKind::Unexpected, Some("wait a few minutes, then try again"))
            }
            GitlabError::Server { .. }
            | GitlabError::Network { .. }
            | GitlabError::Timeout { .. } => (
                FailureKind::Unexpected,
                Some("see whether the server is up and can be reached from here, then try again"),
            ),
            GitlabError::ClientSetup(_) | GitlabError::Refused { .. } => {
                (FailureKind::Unexpected, None)
            }
        };
        CommandError::wrap(kind, error).with_hints(hint)
    }
}
