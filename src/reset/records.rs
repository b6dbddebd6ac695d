//! Provides the transaction around reads and writes of single records, and finds out which tables
//! and columns exist, because sites differ.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::adapters::postgres::{PostgresError, Session};
use crate::scrub::live;
pub(super) use crate::scrub::live::Access;

/// The tables are small, so a longer wait means that another session holds a lock.
const LIMITS: live::Limits =
    live::Limits { lock: Duration::from_secs(10), statement: Duration::from_secs(120) };

/// Opens a transaction in which every name needs its schema. On an error nothing stays open. A
/// caller that stops between this and [`end`] has to close the session.
pub(super) async fn begin(session: &Session, access: Access) -> Result<(), PostgresError> {
    let begun = live::begin(session, access, &LIMITS).await;
    if begun.is_err() {
        let _ = session.batch_execute("ROLLBACK").await;
    }
    begun
}

/// Commits after a success, and rolls back after an error.
pub(super) async fn end<T, E: From<PostgresError>>(
    session: &Session,
    outcome: Result<T, E>,
) -> Result<T, E> {
    match outcome {
        Ok(value) => {
            session.batch_execute("COMMIT").await.map_err(PostgresError::from)?;
            Ok(value)
        }
        Err(error) => {
            // The first error is returned. A lost session has rolled back by itself.
            let _ = session.batch_execute("ROLLBACK").await;
            Err(error)
        }
    }
}

/// Begins a snapshot of each of two databases, to compare them.
pub(super) async fn begin_reading(one: &Session, other: &Session) -> Result<(), PostgresError> {
    begin(one, Access::Read).await?;
    let begun = begin(other, Access::Read).await;
    if begun.is_err() {
        return end(one, begun).await;
    }
    begun
}

/// Ends the snapshots of [`begin_reading`].
pub(super) async fn end_reading<T, E: From<PostgresError>>(
    one: &Session,
    other: &Session,
    outcome: Result<T, E>,
) -> Result<T, E> {
    let outcome = end(one, outcome).await;
    end(other, outcome).await
}

/// A column of a live table.
#[derive(Debug, Clone)]
pub(super) struct LiveColumn {
    pub name: String,
    /// The type for casts, without its length. A cast to a length would cut text silently, while an
    /// assignment fails.
    pub type_name: String,
    pub not_null: bool,
    /// Whether the server has a value if none is given: a default or an identity.
    pub has_default: bool,
    /// Whether the server computes the value.
    pub generated: bool,
}

/// The existing tables among some of the schema `public`, with their columns.
#[derive(Debug, Default)]
pub(super) struct Tables(BTreeMap<String, Vec<LiveColumn>>);

impl Tables {
    pub async fn read(session: &Session, names: &[&str]) -> Result<Tables, PostgresError> {
        let rows = session
            .query(
                "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, -1), \
                   a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '' \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                 WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') \
                   AND c.relname = ANY($1::text[]) ORDER BY c.relname, a.attnum",
                &[&names],
            )
            .await?;
        let mut tables = Tables::default();
        for row in rows {
            tables.0.entry(row.get(0)).or_default().push(LiveColumn {
                name: row.get(1),
                type_name: row.get(2),
                not_null: row.get(3),
                has_default: row.get(4),
                generated: row.get(5),
            });
        }
        Ok(tables)
    }

    pub fn has(&self, table: &str) -> bool {
        self.0.contains_key(table)
    }

    /// The columns of a table. Empty if there is no such table.
    pub fn columns(&self, table: &str) -> &[LiveColumn] {
        self.0.get(table).map(Vec::as_slice).unwrap_or_default()
    }

    pub fn has_column(&self, table: &str, column: &str) -> bool {
        self.columns(table).iter().any(|one| one.name == column)
    }

    pub fn have_columns(&self, table: &str, columns: &[&str]) -> bool {
        columns.iter().all(|column| self.has_column(table, column))
    }
}
