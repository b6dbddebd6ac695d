//! What can go wrong between here and a cluster. No variant holds a URL with credentials, and what
//! a server says is stripped of them before it is kept.

use std::time::Duration;

use thiserror::Error;

use crate::adapters::backoff::Failure;
use crate::adapters::transport::wait_in_words;
use crate::failure::Hint;
use crate::failure::{CommandError, FailureKind};

#[derive(Debug, Error)]
pub enum ElasticsearchError {
    #[error("{variable} is not usable: {reason}")]
    BadUrl { variable: String, reason: String },
    #[error(
        "{variable} is neither https nor on this machine, so that its password would travel in the clear"
    )]
    Unencrypted { variable: String },
    #[error("the HTTP client could not be set up")]
    ClientSetup(#[source] reqwest::Error),
    #[error("cannot {what}: {place} does not accept the user name and password (HTTP 401)")]
    Unauthorized { what: String, place: String },
    /// Bonsai answers so when a cluster is disabled or, for changes, when it is read-only because
    /// it is over its plan's limits.
    #[error("cannot {what}: {place} refuses it (HTTP 403): {message}")]
    Forbidden { what: String, place: String, message: String },
    #[error("cannot {what}: {place} does not have it (HTTP 404)")]
    NotFound { what: String, place: String },
    #[error(
        "cannot {what}: {place} has more requests than it takes (HTTP 429){}",
        wait_in_words(.retry_after)
    )]
    TooManyRequests { what: String, place: String, retry_after: Option<Duration> },
    #[error("cannot {what}: {place} failed (HTTP {status}): {message}")]
    Server { what: String, place: String, status: u16, message: String },
    #[error("cannot {what}: no answer from {place}")]
    Network {
        what: String,
        place: String,
        #[source]
        cause: reqwest::Error,
    },
    #[error("cannot {what}: {place} did not answer within {seconds} s")]
    Timeout { what: String, place: String, seconds: u64 },
    #[error(
        "cannot {what}: {place} sent something that is no answer of a search cluster: {reason}"
    )]
    BadAnswer { what: String, place: String, reason: String },
}

impl Failure for ElasticsearchError {
    fn try_again_after(&self) -> Option<Duration> {
        match self {
            ElasticsearchError::TooManyRequests { retry_after, .. } => {
                Some(retry_after.unwrap_or_default())
            }
            ElasticsearchError::Network { .. } | ElasticsearchError::Timeout { .. } => {
                Some(Duration::ZERO)
            }
            ElasticsearchError::Server { status: 500.., .. } => Some(Duration::ZERO),
            _ => None,
        }
    }
}

impl ElasticsearchError {
    pub fn is_forbidden(&self) -> bool {
        matches!(self, ElasticsearchError::Forbidden { .. })
    }

    /// Whether it would meet every question to the cluster, whatever it is about.
    pub fn is_of_the_whole_cluster(&self) -> bool {
        matches!(
            self,
            ElasticsearchError::BadUrl { .. }
                | ElasticsearchError::Unencrypted { .. }
                | ElasticsearchError::ClientSetup(_)
                | ElasticsearchError::Unauthorized { .. }
                | ElasticsearchError::Network { .. }
        )
    }

    /// Whether it may be of one slow or busy index, or of the whole cluster: only the answers for the
    /// other indices show which.
    pub fn may_be_of_the_whole_cluster(&self) -> bool {
        matches!(
            self,
            ElasticsearchError::Timeout { .. } | ElasticsearchError::TooManyRequests { .. }
        )
    }

    pub fn is_not_found(&self) -> bool {
        matches!(self, ElasticsearchError::NotFound { .. })
    }
}

impl From<ElasticsearchError> for CommandError {
    fn from(error: ElasticsearchError) -> Self {
        let (kind, hint): (FailureKind, Option<Hint>) = match &error {
            ElasticsearchError::BadUrl { .. } => (
                FailureKind::Configuration,
                Some("set the config var to the cluster's URL: https://USER:PASSWORD@HOST".into()),
            ),
            ElasticsearchError::Unencrypted { .. } => (
                FailureKind::Configuration,
                Some("let the URL begin with https:// instead of http://".into()),
            ),
            ElasticsearchError::Unauthorized { .. } => (
                FailureKind::Configuration,
                Some(
                    "the add-on has other credentials now: heroku addons:open bonsai shows them"
                        .into(),
                ),
            ),
            ElasticsearchError::Forbidden { .. } => (
                FailureKind::Configuration,
                Some(Hint::run(
                    "see in the console whether the cluster is over its plan's limits",
                    "bcops search open",
                )),
            ),
            ElasticsearchError::NotFound { .. } => (
                FailureKind::Configuration,
                Some(Hint::run(
                    "see in the console whether the cluster is still there",
                    "bcops search open",
                )),
            ),
            ElasticsearchError::TooManyRequests { .. } => (
                FailureKind::Unexpected,
                Some("wait until the site asks the cluster for less, then try again".into()),
            ),
            ElasticsearchError::ClientSetup(_) => (FailureKind::Unexpected, None),
            ElasticsearchError::Server { .. }
            | ElasticsearchError::Network { .. }
            | ElasticsearchError::Timeout { .. }
            | ElasticsearchError::BadAnswer { .. } => (
                FailureKind::Unexpected,
                Some(Hint::run(
                    "see in the console whether the cluster is up, then try again",
                    "bcops search open",
                )),
            ),
        };
        CommandError::wrap(kind, error).with_hints(hint)
    }
}
