//! What can go wrong while loading.

use thiserror::Error;
use tokio_postgres::error::SqlState;

use crate::activity::Stall;
use crate::adapters::postgres::PostgresError;
use crate::archive::ArchiveError;
use crate::scrub::live::LiveError;
use crate::scrub::{AuditCount, FramingError, NeedyRows, PlanError, ScrubError};

use super::databases::DatabaseError;

use super::omissions::Loss;

#[derive(Debug, Error)]
pub enum RestoreError {
    #[error("the backup cannot be read")]
    Archive(#[from] ArchiveError),
    #[error("the backup cannot be fetched")]
    Source(#[source] std::io::Error),
    #[error(
        "the rows of {table} are dumped as INSERT statements, which cannot be scrubbed in flight"
    )]
    InsertStyle { table: String },
    #[error("this server lacks the extension{} {}", if names.len() == 1 { "" } else { "s" }, names.join(", "))]
    MissingExtensions { names: Vec<String> },
    #[error("{entry} cannot be created")]
    Statement { entry: String, source: PostgresError },
    #[error(
        "cannot load the CHECK constraint {name} of {table}: the rows or its function refuse it"
    )]
    Check { table: String, name: String, source: PostgresError },
    /// Something that the load skips is needed by what holds rows, or guards them.
    #[error("cannot load the backup: rows would be lost in {}", listed(.losses))]
    RowsLost { losses: Vec<Loss> },
    /// The archive is of a newer server, which may be the reason of the failure.
    #[error("the backup is from PostgreSQL {archive}, and this server is PostgreSQL {server}")]
    NewerArchive { archive: u32, server: u32, source: Box<RestoreError> },
    #[error("the rows of {table} were not accepted")]
    Copy { table: String, source: PostgresError },
    #[error("{sent} rows of {table} were sent and the server counted {counted}")]
    RowCount { table: String, sent: u64, counted: u64 },
    #[error(transparent)]
    Framing(#[from] FramingError),
    #[error("{entry} can never be created, as it depends on itself{}", by_way_of(.chain))]
    Cycle { entry: String, chain: Vec<String> },
    #[error(
        "the rows of {table} depend on a table that comes later in the backup, and standard input cannot be read twice"
    )]
    CannotLookBack { table: String },
    #[error("the loaded database is incomplete: {0}")]
    Incomplete(String),
    #[error("personal data would remain in {} after the scrub; the local database is unchanged", in_words(.findings.len()))]
    PersonalData { findings: Vec<AuditCount> },
    #[error("cannot load without the unclassified tables: {}", in_lines(.needy))]
    NeedsOmitted { needy: Vec<NeedyRows> },
    #[error("the rows cannot be scrubbed")]
    Scrub(#[from] ScrubError),
    #[error("what the load brought cannot be audited")]
    Audit(#[source] LiveError),
    #[error("the statement to run afterwards failed: {statement}")]
    After { statement: String, source: PostgresError },
    /// The manifest does not fit: the server refuses what a rule writes.
    #[error(transparent)]
    Plan(PlanError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error("cannot continue the load: {0}")]
    Stalled(Stall),
    #[error("a part of the loader ended before its work was done")]
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
    /// Whether it was one of the archive's statements, or a table's rows, that the server refused.
    pub(super) fn is_of_a_statement(&self) -> bool {
        matches!(
            self,
            RestoreError::Statement { .. } | RestoreError::Copy { .. } | RestoreError::Check { .. }
        ) && self.code().is_some()
    }

    /// The same, which begins with the versions if the archive is of a newer server.
    pub(super) fn with_versions(self, archive: Option<u32>, server: Option<u32>) -> RestoreError {
        match (archive, server) {
            (Some(archive), Some(server)) if archive > server => {
                RestoreError::NewerArchive { archive, server, source: Box::new(self) }
            }
            _ => self,
        }
    }

    /// The server's error code, if it was the server that said no.
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
    if chain.is_empty() { String::new() } else { format!(", by way of {}", chain.join(", ")) }
}

fn in_words(columns: usize) -> String {
    if columns == 1 { "a column".to_owned() } else { format!("{columns} places") }
}
