//! The exit codes of reading and loading a backup.

use std::path::Path;

use super::personal_data;
use crate::adapters::postgres::quote_literal;
use crate::archive::ArchiveError;
use crate::failure::{CommandError, FailureKind};
use crate::restore::databases::DatabaseError;
use crate::restore::{PrepareError, RestoreError};
use crate::schema::quote_identifier;
use crate::scrub::FramingError;
use crate::words;

/// Only a fault of bcops leads there.
pub const STALLED: &str =
    "report this as a fault of bcops, with these lines, and run the command again";

impl From<ArchiveError> for CommandError {
    fn from(error: ArchiveError) -> Self {
        archive(error, None)
    }
}

/// What to do about a backup that cannot be read. `file` is its name, if it has one.
pub(super) fn archive(error: ArchiveError, file: Option<&Path>) -> CommandError {
    let name = file.map(|path| words::shell_word(&path.display().to_string()));
    let hints = archive_hints(&error, name.as_deref());
    hints.into_iter().fold(CommandError::wrap(FailureKind::Unexpected, error), CommandError::hint)
}

/// Why a file is not loaded, with its name.
pub fn backup_at(error: ArchiveError, path: &Path) -> CommandError {
    if let ArchiveError::Open { source, .. } = error {
        let text = format!("cannot open {}", path.display());
        return CommandError::new(FailureKind::Usage, text).with_cause(source);
    }
    let error = archive(error, Some(path));
    let (kind, hints) = (error.kind, error.hints.clone());
    let named = CommandError::new(kind, format!("cannot load {}", path.display()));
    hints.into_iter().fold(named.with_cause(error), CommandError::hint)
}

pub(super) fn archive_hints(error: &ArchiveError, file: Option<&str>) -> Vec<String> {
    match error {
        ArchiveError::NotAnArchive(found) => found.hints(file),
        error if error.is_damage() => {
            vec!["fetch it again, or take a backup that is whole".to_owned()]
        }
        _ => Vec::new(),
    }
}

impl From<DatabaseError> for CommandError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Postgres(error) => error.into(),
            DatabaseError::Locked { .. } => CommandError::wrap(FailureKind::Locked, error)
                .hint("wait until it is done, then try again"),
            DatabaseError::NameTooLong { .. } => {
                CommandError::wrap(FailureKind::Configuration, error)
                    .hint("choose a shorter name with --target")
            }
            DatabaseError::NothingToUndo { .. } | DatabaseError::NothingToDrop { .. } => {
                CommandError::wrap(FailureKind::Refused, error)
            }
            DatabaseError::NotOwner { ref name, ref role } => {
                let (name, role) = (quote_identifier(name), quote_identifier(role));
                let hint = format!("as a superuser: ALTER DATABASE {name} OWNER TO {role}");
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
            DatabaseError::NotOwnerOfRest { ref name, .. } => {
                let hint = format!("as a superuser: DROP DATABASE {}", quote_identifier(name));
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
            DatabaseError::InUse { .. } => CommandError::wrap(FailureKind::Unexpected, error)
                .hint("stop what uses the database (runserver, psql), then try again"),
            DatabaseError::MayNotCreate { ref role, .. } => {
                let hint =
                    format!("as a superuser: ALTER ROLE {} CREATEDB", quote_identifier(role));
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
        }
    }
}

impl From<RestoreError> for CommandError {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Postgres(error) => error.into(),
            RestoreError::Plan(error) => error.into(),
            RestoreError::Database(error) => error.into(),
            RestoreError::MissingExtensions { ref names } => {
                let hint = format!(
                    "install the server's packages for {}, or create them as a superuser",
                    names.join(", ")
                );
                CommandError::wrap(FailureKind::Configuration, error).hint(hint)
            }
            RestoreError::NewerArchive { archive, .. } => {
                CommandError::wrap(FailureKind::Unexpected, error).hint(newer_server(archive))
            }
            RestoreError::RowsLost { .. } => CommandError::wrap(FailureKind::Refused, error)
                .hint("restore it by hand where a superuser may create everything: pg_restore --no-owner --no-acl"),
            RestoreError::Check { ref table, ref name, .. } => {
                let (name, table) = (quote_literal(name), quote_literal(table));
                let hint = format!(
                    "look at the constraint on the site: SELECT pg_get_constraintdef(oid) FROM \
                     pg_constraint WHERE conname = {name} AND conrelid = {table}::regclass"
                );
                CommandError::wrap(FailureKind::Unexpected, error).hint(hint)
            }
            RestoreError::Statement { ref entry, .. } => {
                let hint = format!("create what the server misses, then run the command again; rows need {entry}");
                CommandError::wrap(FailureKind::Unexpected, error).hint(hint)
            }
            RestoreError::InsertStyle { .. } => CommandError::wrap(FailureKind::Refused, error),
            RestoreError::CannotLookBack { .. } => {
                CommandError::wrap(FailureKind::Refused, error).hint("give the file's name instead of `-`")
            }
            RestoreError::PersonalData { ref findings } => {
                personal_data(error.to_string(), findings, &[])
            }
            RestoreError::NeedsOmitted { .. } => CommandError::wrap(FailureKind::PersonalData, error)
                .hint("add the tables to the manifest: bcops scrub-pii --manifest suggest"),
            // Whatever the reason is, nobody has shown that nothing personal is there.
            RestoreError::Scrub(_) | RestoreError::Audit(_) => CommandError::wrap(FailureKind::PersonalData, error),
            RestoreError::Framing(FramingError::RowTooLong { ref table, .. }) => {
                let hint = format!("load without its rows: --exclude-data {}", table.short());
                CommandError::wrap(FailureKind::Unexpected, error).hint(hint)
            }
            RestoreError::Stalled(_) => CommandError::wrap(FailureKind::Unexpected, error).hint(STALLED),
            _ => CommandError::wrap(FailureKind::Unexpected, error),
        }
    }
}

/// The command that installs a server of this version.
fn newer_server(version: u32) -> String {
    match std::env::consts::OS {
        "macos" => format!("brew install postgresql@{version}"),
        _ => format!(
            "apt install postgresql-{version}   # then set its port in BCOPS_LOCAL_DATABASE_URL"
        ),
    }
}

impl From<PrepareError> for CommandError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Archive(error) => error.into(),
            PrepareError::Blocks(error) => error.into(),
            PrepareError::Plan(error) => error.into(),
            PrepareError::Restore(error) => error.into(),
            PrepareError::Stalled(_) => {
                CommandError::wrap(FailureKind::Unexpected, error).hint(STALLED)
            }
            PrepareError::ReaderEnded => CommandError::wrap(FailureKind::Unexpected, error),
        }
    }
}
