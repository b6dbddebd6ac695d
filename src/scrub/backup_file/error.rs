//! Says why a backup file cannot be rewritten.

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

    #[error("cannot read the backup")]
    Archive(#[from] ArchiveError),

    #[error("cannot read the backup to its end")]
    Read {
        #[source]
        source: io::Error,
    },

    #[error(transparent)]
    Blocks(#[from] BlocksError),

    #[error("cannot write {}: it exists already", path.display())]
    Exists { path: PathBuf },

    #[error("cannot write {}: it is the backup itself; give the result another name", path.display())]
    SameFile { path: PathBuf },

    #[error("cannot write {}: it is not a file; give a new name or `-` for standard output", path.display())]
    NotAFile { path: PathBuf },

    #[error("cannot write {}: another bcops is writing it", path.display())]
    InUse { path: PathBuf },

    #[error("cannot write {name}")]
    Write {
        name: String,
        #[source]
        source: WriteError,
    },

    #[error(
        "cannot scrub {table} from standard input: a table that it depends on comes too late, and \
         more than {limit} bytes would wait in memory"
    )]
    CannotLookBack { table: String, limit: usize },

    #[error(transparent)]
    Framing(#[from] FramingError),

    #[error("cannot scrub the rows")]
    Scrub(#[from] ScrubError),

    #[error(
        "cannot write the file: personal data would remain in {} after the scrub",
        in_words(findings.len())
    )]
    PersonalData { findings: Vec<AuditCount> },

    #[error("interrupted; no file was written")]
    Interrupted,

    /// Shown only until the real reason is known.
    #[error("the writer ended before the reader")]
    WriterEnded,
}

fn in_words(columns: usize) -> String {
    if columns == 1 { "a column".to_owned() } else { format!("{columns} places") }
}

impl BackupFileError {
    /// The same error with the file's name, so the hints are complete commands.
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
            BackupFileError::Exists { .. } => CommandError::wrap(FailureKind::Refused, error)
                .hint("add --force to replace the file"),
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
