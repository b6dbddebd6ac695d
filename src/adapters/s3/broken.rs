//! Describes why a request got no answer that the SDK could read.

use std::time::Duration;

use aws_sdk_s3::error::ConnectorError;
use aws_smithy_types::retry::ErrorKind;
use thiserror::Error;

use super::error::S3Error;

#[derive(Debug, Error)]
pub enum Broken {
    #[error("no answer came")]
    Network(#[source] reqwest::Error),
    #[error("no data came for {limit:?}")]
    Stalled { limit: Duration, may_repeat: bool },
    #[error("cannot understand the answer: {0}")]
    Unreadable(String),
    #[error("a request's path cannot hold the key")]
    UnusableKey,
    #[error("the clock is wrong by {0} s")]
    Skewed(i64),
    #[error("the bucket is in the region {0}")]
    OtherRegion(String),
}

impl Broken {
    /// Removes the URL, which must not be shown.
    pub fn network(error: reqwest::Error) -> Broken {
        Broken::Network(error.without_url())
    }

    /// Makes the error of the action `what` at `host`.
    pub fn into_error(self, what: String, host: String, key: Option<&str>) -> S3Error {
        match self {
            Broken::Network(source) => S3Error::Network { what, host, source },
            Broken::Stalled { limit, .. } => {
                S3Error::Timeout { what, host, seconds: limit.as_secs() }
            }
            Broken::Unreadable(reason) => S3Error::BadAnswer { what, reason },
            Broken::UnusableKey => S3Error::UnusableKey { key: key.unwrap_or_default().to_owned() },
            Broken::Skewed(seconds) => S3Error::Skewed { what, seconds },
            Broken::OtherRegion(region) => S3Error::OtherRegion { what, region },
        }
    }
}

impl From<Broken> for ConnectorError {
    fn from(broken: Broken) -> ConnectorError {
        match &broken {
            Broken::Network(_) => ConnectorError::io(broken.into()),
            // A server that was silent for a minute twice is not asked again.
            Broken::Stalled { may_repeat: true, .. } => ConnectorError::timeout(broken.into()),
            Broken::Stalled { .. } | Broken::UnusableKey => ConnectorError::user(broken.into()),
            Broken::Unreadable(_) | Broken::Skewed(_) | Broken::OtherRegion(_) => {
                ConnectorError::other(broken.into(), Some(ErrorKind::TransientError))
            }
        }
    }
}
