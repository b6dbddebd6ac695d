//! The exit codes of what ends a transfer of media.

use super::{CommandError, Kind, wrap};
use crate::media::MediaError;

impl From<MediaError> for CommandError {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::S3(error) => error.into(),
            MediaError::Refused(_) => wrap(Kind::Refused, error)
                .hint("look whether the source is the right one and whole")
                .hint("to delete more on purpose: --max-delete N; to delete nothing: --no-delete"),
            MediaError::Link { .. } => wrap(Kind::Refused, error)
                .hint("set media.folder in bcops.toml to the place itself"),
            MediaError::NoFolder { .. } => wrap(Kind::Refused, error)
                .hint("set media.folder in bcops.toml, or BCOPS_MEDIA_FOLDER"),
            MediaError::BadState { .. }
            | MediaError::Gone { .. }
            | MediaError::Missing { .. }
            | MediaError::Disk { .. }
            | MediaError::BadListing { .. } => wrap(Kind::Unexpected, error),
        }
    }
}
