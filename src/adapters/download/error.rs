//! Describes why a download failed. No variant holds the signed URL.

use thiserror::Error;

use crate::adapters::heroku::HerokuError;
use crate::failure::Hint;
use crate::failure::{CommandError, FailureKind};

#[derive(Debug, Error)]
pub enum DownloadError {
    #[error("cannot set up the HTTP client; check that this machine has CA certificates installed")]
    ClientSetup(#[source] reqwest::Error),

    #[error("cannot download a range that ends before its first byte, {start}")]
    EmptyRange { start: u64 },

    #[error("cannot get a URL for the download")]
    Mint(#[source] HerokuError),

    #[error("cannot use the download URL: it is neither https nor on this machine")]
    UnencryptedUrl,

    #[error("cannot use the download URL: it is not a valid URL")]
    InvalidUrl,

    #[error("the connection was lost at byte {at}")]
    Network {
        at: u64,
        #[source]
        cause: reqwest::Error,
    },

    #[error("the server sent almost nothing for {seconds} s at byte {at}")]
    Stalled { at: u64, seconds: u64 },

    #[error("the server stopped sending at byte {at} of {end}")]
    EndedEarly { at: u64, end: u64 },

    #[error("the server sent more than the {end} bytes that it had announced")]
    TooLong { end: u64 },

    #[error("the server answered {status} at byte {at}")]
    Status { at: u64, status: u16 },

    #[error(
        "the server refuses the signed URL, and a fresh one too (403); check that the backup exists and that this machine's clock is right"
    )]
    Refused,

    #[error("the server cannot send byte {at} (416): the backup is shorter")]
    OutOfRange { at: u64 },

    #[error("the server redirects to an address that bcops does not follow")]
    Redirected,

    #[error("cannot download the backup safely: the server does not announce its length")]
    UnknownLength,

    #[error("the server sent the wrong part: bcops asked for byte {at} and got `{content_range}`")]
    WrongRange { at: u64, content_range: String },

    #[error("the backup ends at byte {total}, before the requested byte {end}")]
    TooShort { total: u64, end: u64 },

    #[error("the backup changed during the download ({what}); run the command again")]
    Changed { what: String },

    #[error(
        "cannot continue the download at byte {at}: {attempts} attempts in a row brought no data"
    )]
    NoProgress {
        at: u64,
        attempts: u32,
        #[source]
        cause: Box<DownloadError>,
    },

    #[error("the download stopped at byte {at} of {end}")]
    Stopped { at: u64, end: u64 },
}

impl DownloadError {
    /// Whether another connection may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            DownloadError::Network { .. }
            | DownloadError::Stalled { .. }
            | DownloadError::EndedEarly { .. } => true,
            DownloadError::Status { status, .. } => matches!(status, 408 | 429 | 500..),
            DownloadError::Mint(cause) => cause.is_transient(),
            _ => false,
        }
    }
}

impl From<DownloadError> for CommandError {
    fn from(error: DownloadError) -> Self {
        // Nothing was downloaded without a URL, so Heroku's own hints apply.
        if let DownloadError::Mint(cause) = error {
            return cause.into();
        }
        CommandError::wrap(FailureKind::Unexpected, error).hint(Hint::run(
            "check that the backup still exists, then try again",
            "bcops backups list",
        ))
    }
}
