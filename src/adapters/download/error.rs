//! Why a download ended before its time. No variant holds the signed URL.

use thiserror::Error;

use crate::adapters::heroku::HerokuError;
use crate::failure::Hint;
use crate::failure::{CommandError, FailureKind};

#[derive(Debug, Error)]
pub enum DownloadError {
    #[error(
        "the HTTP client could not be set up; see whether this machine has its CA certificates installed"
    )]
    ClientSetup(#[source] reqwest::Error),

    #[error("a range that begins at byte {start} and ends before it was asked for")]
    EmptyRange { start: u64 },

    #[error("no URL to download from could be had")]
    Mint(#[source] HerokuError),

    #[error("the URL to download from is neither https nor on this machine")]
    UnencryptedUrl,

    #[error("the URL to download from cannot be read as one")]
    InvalidUrl,

    #[error("the connection was lost at byte {at}")]
    Network {
        at: u64,
        #[source]
        cause: reqwest::Error,
    },

    #[error("the server sent nothing, or next to nothing, for {seconds} s at byte {at}")]
    Stalled { at: u64, seconds: u64 },

    #[error("the server ended the download at byte {at} of {end}")]
    EndedEarly { at: u64, end: u64 },

    #[error("the server sent more than the {end} bytes that it announced")]
    TooLong { end: u64 },

    #[error("the server answered {status} at byte {at}")]
    Status { at: u64, status: u16 },

    #[error(
        "the server refuses the signed URL (403), a fresh one too; see whether the backup still exists and whether this machine's clock is right"
    )]
    Refused,

    #[error("the server cannot send bytes from {at} on (416): the backup is shorter than that")]
    OutOfRange { at: u64 },

    #[error("the server redirects to a place that is not followed")]
    Redirected,

    #[error(
        "the server does not say how long the backup is, so that its end could not be told from a lost connection"
    )]
    UnknownLength,

    #[error("the server answered with the wrong part: asked for byte {at}, got `{content_range}`")]
    WrongRange { at: u64, content_range: String },

    #[error("the backup ends at byte {total}, before byte {end} that was asked for")]
    TooShort { total: u64, end: u64 },

    #[error("the backup changed while it was downloaded ({what}); start again")]
    Changed { what: String },

    #[error("gave up after {attempts} attempts in a row that brought nothing, at byte {at}")]
    NoProgress {
        at: u64,
        attempts: u32,
        #[source]
        cause: Box<DownloadError>,
    },

    #[error("the download was stopped from outside at byte {at} of {end}")]
    Stopped { at: u64, end: u64 },
}

impl DownloadError {
    /// Whether another connection may do better.
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
        // Without a URL nothing was downloaded: what mends that is Heroku's.
        if let DownloadError::Mint(cause) = error {
            return cause.into();
        }
        CommandError::wrap(FailureKind::Unexpected, error).hint(Hint::run(
            "see whether the backup is still there, then try again",
            "bcops backups list",
        ))
    }
}
