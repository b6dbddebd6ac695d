//! Lists the errors that stop a whole transfer of media. A problem of one key is a
//! [`Failure`](super::Failure) or a [`Refused`](super::Refused), and the other keys continue.

use std::path::PathBuf;

use thiserror::Error;

use super::fate::Fate;
use crate::adapters::s3::{NO_ACLS, S3Error};
use crate::failure::{CommandError, FailureKind};

#[derive(Debug, Error)]
pub enum MediaError {
    #[error(transparent)]
    S3(#[from] S3Error),
    #[error("cannot trust the listing of {place}: {reason}")]
    BadListing { place: String, reason: String },
    #[error("cannot {what} {path}")]
    Disk { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("cannot use {path}: it is a symbolic link, which bcops does not follow")]
    Link { path: PathBuf },
    #[error("the media folder {path} does not exist")]
    NoFolder { path: PathBuf },
    #[error("{0}")]
    Refused(String),
    #[error("cannot read the list {path}: this version of bcops did not write it")]
    BadState { path: PathBuf },
    #[error("cannot {what}: it was deleted after it was listed")]
    Gone { what: String },
    #[error("cannot {what}: the bucket lists the object but does not have it")]
    Missing { what: String },
}

impl MediaError {
    pub fn disk(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> MediaError {
        let path = path.into();
        move |source| MediaError::Disk { what, path, source }
    }

    /// Whether every other object would fail in the same way.
    pub fn is_fatal(&self) -> bool {
        match self {
            MediaError::Disk { source, .. } => matches!(
                source.raw_os_error(),
                Some(libc::ENOSPC | libc::EDQUOT | libc::EROFS | libc::EMFILE | libc::ENFILE)
            ),
            MediaError::S3(S3Error::Refused { code, .. }) => matches!(
                code.as_str(),
                "ExpiredToken" | "InvalidAccessKeyId" | "NoSuchBucket" | NO_ACLS
            ),
            _ => false,
        }
    }

    /// Whether the server refused the signature. If other keys succeed, the problem is this key:
    /// credentials that are wrong for the whole bucket never succeed.
    pub fn is_bad_signature(&self) -> bool {
        matches!(self, MediaError::S3(error) if error.is_wrong_signature())
    }

    /// What happened to the object that this error is about.
    pub fn fate(&self) -> Fate {
        match self {
            MediaError::Gone { .. } => Fate::Gone,
            MediaError::Missing { .. } => Fate::Missing,
            MediaError::S3(error) if error.is_archived() => Fate::Archived,
            MediaError::S3(S3Error::Refused { .. } | S3Error::UnusableKey { .. }) => Fate::Refused,
            _ => Fate::Failing,
        }
    }

    /// Whether the server, the network or the disk failed, as opposed to the key.
    pub fn is_trouble(&self) -> bool {
        matches!(
            self,
            MediaError::Disk { .. }
                | MediaError::S3(
                    S3Error::Network { .. }
                        | S3Error::Timeout { .. }
                        | S3Error::Server { .. }
                        | S3Error::BrokenOff(_)
                )
        )
    }

    /// The message and its causes in one line.
    pub fn line(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(inner) = cause {
            let inner_text = inner.to_string();
            if !text.ends_with(&inner_text) {
                text.push_str(": ");
                text.push_str(&inner_text);
            }
            cause = inner.source();
        }
        text
    }
}

impl From<MediaError> for CommandError {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::S3(error) => error.into(),
            MediaError::Refused(_) => CommandError::wrap(FailureKind::Refused, error)
                .hint("check that the source is the right one and complete")
                .hint("to delete that many on purpose: add --max-delete N"),
            MediaError::Link { .. } => CommandError::wrap(FailureKind::Refused, error).hint(
                "replace the link with a folder, or set media.folder in bcops.toml to the \
                    link's target",
            ),
            MediaError::NoFolder { .. } => CommandError::wrap(FailureKind::Refused, error)
                .hint("set media.folder in bcops.toml, or BCOPS_MEDIA_FOLDER"),
            MediaError::BadState { .. } => CommandError::wrap(FailureKind::Unexpected, error)
                .hint("move the file away, then run the same command again"),
            MediaError::Disk { .. } => CommandError::wrap(FailureKind::Unexpected, error)
                .hint("check the permissions and the free space, then run the same command again"),
            MediaError::Gone { .. }
            | MediaError::Missing { .. }
            | MediaError::BadListing { .. } => CommandError::wrap(FailureKind::Unexpected, error)
                .hint("run the same command again; if it fails again: bcops doctor"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reset also shows these hints, and it does not have `--no-delete`.
    #[test]
    fn a_refused_deletion_hints_only_at_flags_that_every_command_has() {
        let error = CommandError::from(MediaError::Refused("too many".to_owned()));
        let hints = error.hint_texts().join(" ");
        assert!(hints.contains("--max-delete") && !hints.contains("--no-delete"), "{hints}");
    }
}
