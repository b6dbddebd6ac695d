//! Lists what can be wrong with an archive, and where, with the hint for each.

use std::fmt;
use std::path::PathBuf;

use super::formats::Found;
use crate::failure::{CommandError, FailureKind};
use crate::words;
use std::path::Path;

/// A place in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Bytes from the start of the archive.
    pub offset: u64,
    /// The part of the archive that was being read: the header, a TOC entry or a block.
    pub part: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}, in {}", self.offset, self.part)
    }
}

/// The first few names, and how many more there are.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 10;
    match names.get(..SHOWN) {
        Some(first) if names.len() > SHOWN => {
            format!("{} and {} more", first.join(", "), names.len() - SHOWN)
        }
        _ => names.join(", "),
    }
}

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("cannot read the archive at {place}")]
    Read {
        place: Place,
        #[source]
        source: std::io::Error,
    },

    #[error(
        "the archive ends too early, at {place}: {expected} is missing; fetch the backup again"
    )]
    Truncated { place: Place, expected: &'static str },

    #[error("cannot open {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },

    #[error("this is {}, not a pg_dump archive", .0.name())]
    NotAnArchive(Found),

    /// For a dump in tar or directory format.
    #[error("cannot read the backup's file {member}: {reason}")]
    Member { member: String, reason: String },

    #[error(
        "cannot read archive version {}.{}-{}, only 1.12 to 1.16; make the backup with pg_dump of \
         Postgres 9.6 to 18",
        version.0, version.1, version.2
    )]
    UnsupportedVersion { version: (u8, u8, u8) },

    #[error(
        "cannot read the archive's text encoding {encoding} safely; make the backup with \
         --encoding=UTF8"
    )]
    UnsupportedEncoding { encoding: String },

    #[error(
        "cannot read the text at {place}: it is not UTF-8; make the backup with \
         --encoding=UTF8"
    )]
    NotUtf8 {
        place: Place,
        #[source]
        source: std::str::Utf8Error,
    },

    #[error("the archive is damaged at {place}: {reason}")]
    Corrupt { place: Place, reason: String },

    #[error("compressed data is damaged at {place}")]
    Compressed {
        place: Place,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    #[error("cannot read the rest of {entry} after the earlier error")]
    Lost { entry: String },

    #[error("cannot read the archive: it has more than {limit} {what}, at {place}")]
    TooLarge { place: Place, what: &'static str, limit: u64 },

    #[error(
        "the archive ends at byte {offset} without the data of {}; fetch the backup again",
        listed(missing)
    )]
    MissingBlocks { offset: u64, missing: Vec<String> },

    #[error("cannot read the COPY statement of {entry}: {reason}")]
    CopyStatement { entry: String, reason: &'static str },

    #[error("cannot read the definition of {entry}: {reason}")]
    Definition { entry: String, reason: &'static str },

    /// The caller's own failure, passed through by a method that takes a closure.
    #[error("cannot pass on the data of the archive")]
    Consumer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ArchiveError {
    /// A failure of the first reads, while the format is unknown.
    pub(super) fn start(source: std::io::Error) -> ArchiveError {
        match source.downcast::<ArchiveError>() {
            Ok(error) => error,
            Err(source) => {
                let place = Place { offset: 0, part: "the first bytes".to_owned() };
                ArchiveError::Read { place, source }
            }
        }
    }

    /// Whether another copy of the same backup may be intact.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            ArchiveError::Truncated { .. }
                | ArchiveError::MissingBlocks { .. }
                | ArchiveError::Corrupt { .. }
                | ArchiveError::Compressed { .. }
                | ArchiveError::Member { .. }
                | ArchiveError::Lost { .. }
        )
    }
}

impl From<ArchiveError> for CommandError {
    fn from(error: ArchiveError) -> Self {
        let hints = error.hints(None);
        CommandError::wrap(FailureKind::Unexpected, error).with_hints(hints)
    }
}

impl ArchiveError {
    /// The error for a file that cannot be loaded, with its name and with hints that can be typed.
    pub fn of_file(self, path: &Path) -> CommandError {
        match self {
            ArchiveError::Open { source, .. } => {
                let text = format!("cannot open {}", path.display());
                CommandError::new(FailureKind::Usage, text).with_cause(source)
            }
            error => error.doing("load", path),
        }
    }

    /// `cannot VERB FILE`, with this error as its cause.
    pub fn doing(self, verb: &str, path: &Path) -> CommandError {
        let hints = self.hints(Some(&words::shell_word(&path.display().to_string())));
        CommandError::wrap(FailureKind::Unexpected, self)
            .with_hints(hints)
            .context(format!("cannot {verb} {}", path.display()))
    }

    /// What to do about a backup that cannot be read. `file` is its name, if it has one.
    pub fn hints(&self, file: Option<&str>) -> Vec<String> {
        match self {
            ArchiveError::NotAnArchive(found) => found.hints(file),
            error if error.is_damage() => {
                vec!["fetch the backup again, or use another backup".to_owned()]
            }
            _ => Vec::new(),
        }
    }
}
