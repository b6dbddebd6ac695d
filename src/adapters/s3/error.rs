//! Describes what can fail between bcops and a bucket.

use thiserror::Error;

use crate::failure::{CommandError, FailureKind};

/// The code of a bucket that accepts no ACL.
pub const NO_ACLS: &str = "AccessControlListNotSupported";

#[derive(Debug, Error)]
pub enum S3Error {
    #[error("cannot set up the client for {place}")]
    Client { place: String, source: reqwest::Error },
    #[error("{0}")]
    BadConfiguration(String),
    #[error("cannot write the key `{key}` as the path of a request")]
    UnusableKey { key: String },
    #[error("cannot {what}: no answer from {host}")]
    Network { what: String, host: String, source: reqwest::Error },
    #[error("cannot {what}: {host} sent nothing for {seconds} s")]
    Timeout { what: String, host: String, seconds: u64 },
    /// The server refused, and would refuse again.
    #[error("cannot {what}: {code} (HTTP {status}): {message}")]
    Refused { what: String, status: u16, code: String, message: String },
    /// The server failed or limits requests. Another try may help.
    #[error("cannot {what}: {code} (HTTP {status}): {message}")]
    Server { what: String, status: u16, code: String, message: String },
    /// A body that broke off: [`S3Error::Network`] or [`S3Error::Timeout`].
    #[error(transparent)]
    BrokenOff(Box<S3Error>),
    #[error(
        "cannot {what}: the server refuses signatures, because this machine's clock is wrong by {seconds} s"
    )]
    Skewed { what: String, seconds: i64 },
    #[error("cannot {what}: the bucket is in the region {region}")]
    OtherRegion { what: String, region: String },
    #[error("cannot {what}: not found")]
    NotFound { what: String, code: String },
    #[error("cannot {what}: the object changed meanwhile")]
    Changed { what: String },
    #[error("cannot {what}: bcops does not understand the answer: {reason}")]
    BadAnswer { what: String, reason: String },
    #[error("cannot {what}: only {got} of {expected} bytes came")]
    WrongLength { what: String, expected: u64, got: u64 },
    #[error("cannot {what}: its bytes do not match its {checksum}")]
    Corrupt { what: String, checksum: &'static str },
}

impl S3Error {
    /// Whether the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            S3Error::Network { .. }
                | S3Error::Timeout { .. }
                | S3Error::Server { .. }
                | S3Error::Skewed { .. }
                | S3Error::OtherRegion { .. }
                | S3Error::BadAnswer { .. }
                | S3Error::WrongLength { .. }
                | S3Error::Corrupt { .. }
        )
    }

    /// Whether reading an object may be repeated or resumed. Excludes failures that the SDK has
    /// already retried.
    pub fn is_broken_reading(&self) -> bool {
        matches!(
            self,
            S3Error::BrokenOff(_)
                | S3Error::BadAnswer { .. }
                | S3Error::WrongLength { .. }
                | S3Error::Corrupt { .. }
        )
    }

    pub fn is_denied(&self) -> bool {
        matches!(self, S3Error::Refused { status: 401 | 403, .. })
    }

    pub fn is_wrong_signature(&self) -> bool {
        matches!(self, S3Error::Refused { code, .. } if code == "SignatureDoesNotMatch")
    }

    /// Whether the object is archived, so it cannot be read until it is restored.
    pub fn is_archived(&self) -> bool {
        matches!(self, S3Error::Refused { code, .. }
            if code == "InvalidObjectState" || code == "ObjectNotInActiveTierError")
    }

    pub fn is_not_found(&self) -> bool {
        matches!(self, S3Error::NotFound { .. })
    }
}

/// The hint for a bucket that accepts no ACL.
pub const UNSET_ACL: &str = "remove media.acl from bcops.toml: this bucket accepts no ACL, and its policy decides who may read";

impl From<S3Error> for CommandError {
    fn from(error: S3Error) -> Self {
        let (kind, hint) = match &error {
            S3Error::Refused { code, .. } if code == "ExpiredToken" || code == "InvalidToken" => (
                FailureKind::Configuration,
                Some(
                    "set new keys for the bucket in the app's config vars: the old keys have expired",
                ),
            ),
            S3Error::Refused { code, .. } if code == NO_ACLS => {
                (FailureKind::Configuration, Some(UNSET_ACL))
            }
            S3Error::BadConfiguration(_) | S3Error::Refused { .. } => (
                FailureKind::Configuration,
                Some("bcops doctor   # checks every bucket and permission"),
            ),
            S3Error::Client { .. }
            | S3Error::UnusableKey { .. }
            | S3Error::Network { .. }
            | S3Error::Timeout { .. }
            | S3Error::Server { .. }
            | S3Error::BrokenOff(_)
            | S3Error::Skewed { .. }
            | S3Error::OtherRegion { .. }
            | S3Error::NotFound { .. }
            | S3Error::Changed { .. }
            | S3Error::BadAnswer { .. }
            | S3Error::WrongLength { .. }
            | S3Error::Corrupt { .. } => (
                FailureKind::Unexpected,
                Some("check that the bucket's server is reachable from here, then try again"),
            ),
        };
        CommandError::wrap(kind, error).with_hints(hint)
    }
}
