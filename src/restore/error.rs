//! Lists why a load can fail, with the hint for each reason.

use thiserror::Error;
use tokio_postgres::error::SqlState;

use crate::activity::Stall;
use crate::adapters::postgres::PostgresError;
use crate::archive::ArchiveError;
use crate::scrub::live::LiveError;
use crate::scrub::{AuditCount, FramingError, NeedyRows, PlanError, ScrubError};

use super::databases::DatabaseError;

use super::omissions::Loss;
use crate::activity::STALLED;
use crate::adapters::postgres::quote_literal;
use crate::failure::{CommandError, FailureKind, Hint};
use crate::scrub::personal_data;

#[derive(Debug, Error)]
pub enum RestoreError {
    #[error("cannot read the backup")]
    Archive(#[from] ArchiveError),
    #[error("cannot fetch the backup")]
    Source(#[source] std::io::Error),
    #[error("cannot scrub {table}: the backup holds its rows as INSERT statements")]
    InsertStyle { table: String },
    #[error(
        "cannot load the backup: this server lacks the extension{} {}",
        if names.len() == 1 { "" } else { "s" },
        names.join(", ")
    )]
    MissingExtensions { names: Vec<String> },
    #[error("cannot create {entry}")]
    Statement { entry: String, source: PostgresError },
    #[error(
        "cannot create the CHECK constraint {name} of {table}: a row breaks it, or its function \
         failed"
    )]
    Check { table: String, name: String, source: PostgresError },
    /// An object that holds or guards rows needs an object that the load skips.
    #[error("cannot load the backup: rows would be lost in {}", listed(.losses))]
    RowsLost { losses: Vec<Loss> },
    /// The archive comes from a newer server, which may be the reason for the failure.
    #[error("cannot load the backup of PostgreSQL {archive}: this server is PostgreSQL {server}")]
    NewerArchive { archive: u32, server: u32, source: Box<RestoreError> },
    #[error("cannot load the rows of {table}")]
    Copy { table: String, source: PostgresError },
    #[error("cannot confirm the rows of {table}: bcops sent {sent}, the server counted {counted}")]
    RowCount { table: String, sent: u64, counted: u64 },
    #[error(transparent)]
    Framing(#[from] FramingError),
    #[error("cannot create {entry}: it depends on itself{}", by_way_of(.chain))]
    Cycle { entry: String, chain: Vec<String> },
    #[error(
        "cannot load {table} from standard input: its rows need a table that comes later in the \
         backup"
    )]
    CannotLookBack { table: String },
    #[error("the loaded database is incomplete: {0}")]
    Incomplete(String),
    #[error("personal data would remain in {} after the scrub; the local database is unchanged", places(.findings.len()))]
    PersonalData { findings: Vec<AuditCount> },
    #[error("cannot load without the unclassified tables: {}", in_lines(.needy))]
    NeedsOmitted { needy: Vec<NeedyRows> },
    #[error("cannot scrub the rows")]
    Scrub(#[from] ScrubError),
    #[error("cannot audit the loaded database")]
    Audit(#[source] LiveError),
    #[error("cannot run the manifest's statement after the load: {statement}")]
    After { statement: String, source: PostgresError },
    /// The manifest does not fit: the server refuses a value that a rule writes.
    #[error(transparent)]
    Plan(PlanError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error("cannot continue the load: {0}")]
    Stalled(Stall),
    #[error("cannot continue the load: a part of the loader ended early")]
    PartEnded,
}

fn in_lines(needy: &[NeedyRows]) -> String {
    let line = |one: &NeedyRows| {
        let (table, columns, parent) =
            (one.table.short(), one.need.columns.join(", "), one.need.table.short());
        let rows = crate::words::plural(one.rows, "row");
        let verb = if one.rows == 1 { "needs" } else { "need" };
        format!("\n  {rows} of {table} {verb} rows of {parent} ({table}.{columns})")
    };
    needy.iter().map(line).collect()
}

impl From<LiveError> for RestoreError {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::Plan(error) => RestoreError::Plan(error),
            other => RestoreError::Audit(other),
        }
    }
}

impl From<tokio_postgres::Error> for RestoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        RestoreError::Postgres(PostgresError::Server(error))
    }
}

impl RestoreError {
    /// Whether the server refused one of the archive's statements or a table's rows.
    pub(super) fn is_of_a_statement(&self) -> bool {
        matches!(
            self,
            RestoreError::Statement { .. } | RestoreError::Copy { .. } | RestoreError::Check { .. }
        ) && self.code().is_some()
    }

    /// Puts the two versions before the error if the archive comes from a newer server.
    pub(super) fn with_versions(self, archive: Option<u32>, server: Option<u32>) -> RestoreError {
        match (archive, server) {
            (Some(archive), Some(server)) if archive > server => {
                RestoreError::NewerArchive { archive, server, source: Box::new(self) }
            }
            _ => self,
        }
    }

    /// The server's error code, if the server reported the error.
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            RestoreError::Statement { source, .. }
            | RestoreError::Copy { source, .. }
            | RestoreError::After { source, .. }
            | RestoreError::Check { source, .. }
            | RestoreError::Postgres(source) => source.code(),
            RestoreError::NewerArchive { source, .. } => source.code(),
            _ => None,
        }
    }
}

fn listed(losses: &[Loss]) -> String {
    let line = |loss: &Loss| format!("\n  {}", loss.entry);
    losses.iter().take(10).map(line).collect()
}

fn by_way_of(chain: &[String]) -> String {
    if chain.is_empty() { String::new() } else { format!(", through {}", chain.join(", ")) }
}

fn places(count: usize) -> String {
    crate::words::plural(count as u64, "place")
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
                .hint("restore the backup as a superuser: pg_restore --no-owner --no-acl"),
            RestoreError::Check { ref table, ref name, .. } => {
                let (name, table) = (quote_literal(name), quote_literal(table));
                let hint = format!(
                    "look at the constraint on the site: SELECT pg_get_constraintdef(oid) FROM \
                     pg_constraint WHERE conname = {name} AND conrelid = {table}::regclass"
                );
                CommandError::wrap(FailureKind::Unexpected, error).hint(hint)
            }
            RestoreError::Statement { ref entry, .. } => {
                let hint = format!(
                    "create on the server what {entry} needs, then run the command \
                     again"
                );
                CommandError::wrap(FailureKind::Unexpected, error).hint(hint)
            }
            RestoreError::InsertStyle { .. } => CommandError::wrap(FailureKind::Refused, error)
                .hint("make the backup without --inserts: pg_dump -Fc"),
            RestoreError::CannotLookBack { .. } => {
                CommandError::wrap(FailureKind::Refused, error).hint("name the file instead of `-`")
            }
            RestoreError::PersonalData { ref findings } => {
                personal_data(error.to_string(), findings, &[])
            }
            RestoreError::NeedsOmitted { .. } => {
                CommandError::wrap(FailureKind::PersonalData, error)
                    .hint("add the tables to the manifest: bcops scrub-pii --manifest suggest")
            }
            // Whatever the reason, the load has not shown that no personal data is left.
            RestoreError::Scrub(_) | RestoreError::Audit(_) => {
                CommandError::wrap(FailureKind::PersonalData, error)
                    .hint("check the manifest: bcops scrub-pii --manifest validate")
            }
            RestoreError::Framing(FramingError::RowTooLong { ref table, .. }) => {
                let hint = format!("load without its rows: --exclude-data {}", table.short());
                CommandError::wrap(FailureKind::Unexpected, error).hint(hint)
            }
            RestoreError::Stalled(_) => {
                CommandError::wrap(FailureKind::Unexpected, error).hint(STALLED)
            }
            RestoreError::Archive(ref reason) => {
                let hints = reason.hints(None);
                CommandError::wrap(FailureKind::Unexpected, error).with_hints(hints)
            }
            RestoreError::Source(_)
            | RestoreError::RowCount { .. }
            | RestoreError::Incomplete(_)
            | RestoreError::Framing(_) => {
                CommandError::wrap(FailureKind::Unexpected, error).hint(Hint::run(
                    "run the same command again, or capture a fresh backup",
                    "bcops backups capture",
                ))
            }
            RestoreError::Copy { .. }
            | RestoreError::Cycle { .. }
            | RestoreError::After { .. }
            | RestoreError::PartEnded => CommandError::wrap(FailureKind::Unexpected, error),
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
