//! What can go wrong between here and a bucket.

use thiserror::Error;

use crate::failure::{CommandError, FailureKind};

/// The code of a bucket that takes no ACL, whoever sends one.
pub const NO_ACLS: &str = "AccessControlListNotSupported";

#[derive(Debug, Error)]
pub enum S3Error {
    #[error("cannot set up the client for {place}")]
    Client { place: String, source: reqwest::Error },
    #[error("{0}")]
    BadConfiguration(String),
    #[error("the key `{key}` cannot be written as the path of a request")]
    UnusableKey { key: String },
    #[error("cannot {what}: no answer from {host}")]
    Network { what: String, host: String, source: reqwest::Error },
    #[error("cannot {what}: nothing came from {host} for {seconds} s")]
    Timeout { what: String, host: String, seconds: u64 },
    /// The server said no, and would say so again.
    #[error("cannot {what}: {code} (HTTP {status}): {message}")]
    Refused { what: String, status: u16, code: String, message: String },
    /// The server failed or wants to be left alone; another try may help.
    #[error("cannot {what}: {code} (HTTP {status}): {message}")]
    Server { what: String, status: u16, code: String, message: String },
    /// A body that had begun: [`S3Error::Network`] or [`S3Error::Timeout`].
    #[error(transparent)]
    BrokenOff(Box<S3Error>),
    #[error(
        "cannot {what}: the clock of this machine is wrong by {seconds} s, and the server would not sign on"
    )]
    Skewed { what: String, seconds: i64 },
    #[error("cannot {what}: the bucket is in the region {region}")]
    OtherRegion { what: String, region: String },
    #[error("cannot {what}: it is not there")]
    NotFound { what: String, code: String },
    #[error("cannot {what}: the object was changed meanwhile")]
    Changed { what: String },
    #[error("cannot {what}: the answer cannot be understood: {reason}")]
    BadAnswer { what: String, reason: String },
    #[error("cannot {what}: {got} of {expected} bytes came")]
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

    /// Whether an object may be read again, or on from where it broke off. What the SDK has sent
    /// again in vain is none of these.
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

    /// Whether the object is in an archive, where nobody can read it before it is restored.
    pub fn is_archived(&self) -> bool {
        matches!(self, S3Error::Refused { code, .. }
            if code == "InvalidObjectState" || code == "ObjectNotInActiveTierError")
    }

    pub fn is_not_found(&self) -> bool {
        matches!(self, S3Error::NotFound { .. })
    }
}

/// For a bucket that takes no ACL.
pub const UNSET_ACL: &str = "remove media.acl from bcops.toml: this bucket takes no ACL, and its own policy decides who may read";

impl From<S3Error> for CommandError {
    fn from(error: S3Error) -> Self {
        let (kind, hint) = match &error {
            S3Error::Refused { code, .. } if code == "ExpiredToken" || code == "InvalidToken" => (
                FailureKind::Configuration,
                Some(
                    "the bucket's keys are no longer good: set new ones as config vars of the app",
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
                Some("see whether the bucket's server can be reached from here, then try again"),
            ),
        };
        CommandError::wrap(kind, error).with_hints(hint)
    }
}
