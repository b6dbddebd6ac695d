//! Why a backup file is not rewritten.

use std::io;
use std::path::PathBuf;

use crate::archive::{ArchiveError, WriteError};
use crate::failure::{CommandError, FailureKind};
use crate::scrub::personal_data;
use crate::scrub::{AuditCount, BlocksError, FramingError, ScrubError};
use std::path::Path;

#[derive(Debug, thiserror::Error)]
pub enum BackupFileError {
    #[error("cannot open {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("the backup cannot be read")]
    Archive(#[from] ArchiveError),

    #[error("the backup cannot be read to its end")]
    Read {
        #[source]
        source: io::Error,
    },

    #[error(transparent)]
    Blocks(#[from] BlocksError),

    #[error("{} exists already; nothing was written", path.display())]
    Exists { path: PathBuf },

    #[error("{} is the backup itself; give the result another name", path.display())]
    SameFile { path: PathBuf },

    #[error("{} is not a file; give the name of a new file, or `-` for standard output", path.display())]
    NotAFile { path: PathBuf },

    #[error("another bcops is writing {}", path.display())]
    InUse { path: PathBuf },

    #[error("cannot write {name}")]
    Write {
        name: String,
        #[source]
        source: WriteError,
    },

    #[error(
        "the rows of {table} depend on a table that comes so much later in the backup that more \
         than {limit} bytes would have to wait in memory, and standard input cannot be read twice"
    )]
    CannotLookBack { table: String, limit: usize },

    #[error(transparent)]
    Framing(#[from] FramingError),

    #[error("the rows cannot be scrubbed")]
    Scrub(#[from] ScrubError),

    #[error(
        "personal data would remain in {} after the scrub; no file was written",
        in_words(findings.len())
    )]
    PersonalData { findings: Vec<AuditCount> },

    #[error("interrupted; no file was written")]
    Interrupted,

    /// Only until the reason is known.
    #[error("the writing ended before the reading")]
    WriterEnded,
}

fn in_words(columns: usize) -> String {
    if columns == 1 { "a column".to_owned() } else { format!("{columns} places") }
}

impl BackupFileError {
    /// The same error with the file's name, so that its hints can be typed.
    pub fn of_file(self, file: &Path) -> CommandError {
        match self {
            BackupFileError::Archive(reason) => reason.doing("read", file),
            error => error.into(),
        }
    }
}

impl From<BackupFileError> for CommandError {
    fn from(error: BackupFileError) -> Self {
        match error {
            BackupFileError::PersonalData { ref findings } => {
                personal_data(error.to_string(), findings, &[])
            }
            BackupFileError::Scrub(_) => CommandError::wrap(FailureKind::PersonalData, error)
                .hint("check the manifest: bcops scrub-pii --manifest validate"),
            BackupFileError::Open { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("check the name and the permissions of the file"),
            BackupFileError::Blocks(error) => error.into(),
            BackupFileError::Exists { .. } => {
                CommandError::wrap(FailureKind::Refused, error).hint("to replace it: --force")
            }
            BackupFileError::SameFile { .. } | BackupFileError::NotAFile { .. } => {
                CommandError::wrap(FailureKind::Refused, error)
            }
            BackupFileError::InUse { .. } => CommandError::wrap(FailureKind::Locked, error)
                .hint("wait until it has ended, then run the same command again"),
            BackupFileError::CannotLookBack { .. } => {
                CommandError::wrap(FailureKind::Refused, error)
                    .hint("give the file's name instead of `-`")
            }
            BackupFileError::Interrupted => CommandError::wrap(FailureKind::Interrupted, error),
            BackupFileError::Archive(ref reason) => {
                let hints = reason.hints(None);
                CommandError::wrap(FailureKind::Unexpected, error).with_hints(hints)
            }
            BackupFileError::Write { .. } => CommandError::wrap(FailureKind::Unexpected, error)
                .hint("check the permissions and the free space, then run the same command again"),
            BackupFileError::Read { .. } | BackupFileError::Framing(_) => {
                CommandError::wrap(FailureKind::Unexpected, error)
                    .hint("fetch the backup again, or use another one")
            }
            BackupFileError::WriterEnded => CommandError::wrap(FailureKind::Unexpected, error),
        }
    }
}
