//! The exit codes of what ends a transfer of media.

use crate::failure::{CommandError, FailureKind};
use crate::media::MediaError;

impl From<MediaError> for CommandError {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::S3(error) => error.into(),
            MediaError::Refused(_) => CommandError::wrap(FailureKind::Refused, error)
                .hint("look whether the source is the right one and whole")
                .hint("to delete more on purpose: add --max-delete N"),
            MediaError::Link { .. } => CommandError::wrap(FailureKind::Refused, error)
                .hint("set media.folder in bcops.toml to the place itself"),
            MediaError::NoFolder { .. } => CommandError::wrap(FailureKind::Refused, error)
                .hint("set media.folder in bcops.toml, or BCOPS_MEDIA_FOLDER"),
            MediaError::BadState { .. }
            | MediaError::Gone { .. }
            | MediaError::Missing { .. }
            | MediaError::Disk { .. }
            | MediaError::BadListing { .. } => CommandError::wrap(FailureKind::Unexpected, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reset shows these hints as well, and it has no `--no-delete`.
    #[test]
    fn a_refused_deletion_hints_only_at_what_every_command_has() {
        let error = CommandError::from(MediaError::Refused("too many".to_owned()));
        let hints = error.hints.join(" ");
        assert!(hints.contains("--max-delete") && !hints.contains("--no-delete"), "{hints}");
    }
}
