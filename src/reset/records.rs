//! What reading and writing single records have in common: the transaction around it, and which
//! tables and columns there really are. Another site has others.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::adapters::postgres::{PostgresError, Session};
use crate::scrub::live;
pub(super) use crate::scrub::live::Access;

/// These are small tables: who waits longer waits for somebody who holds them.
const LIMITS: live::Limits =
    live::Limits { lock: Duration::from_secs(10), statement: Duration::from_secs(120) };

/// Opens a transaction in which every name has to be written with its schema. Nothing is left open
/// on an error. Whoever gives up between this and [`end`] has to close the session.
pub(super) async fn begin(session: &Session, access: Access) -> Result<(), PostgresError> {
    let begun = live::begin(session, access, &LIMITS).await;
    if begun.is_err() {
        let _ = session.batch_execute("ROLLBACK").await;
    }
    begun
}

/// Commits what went well, and takes everything else back.
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
            // The first error is the one to tell; a session that is gone has rolled back by itself.
            let _ = session.batch_execute("ROLLBACK").await;
            Err(error)
        }
    }
}

/// A snapshot of each of two databases, to compare them.
pub(super) async fn begin_reading(one: &Session, other: &Session) -> Result<(), PostgresError> {
    begin(one, Access::Read).await?;
    let begun = begin(other, Access::Read).await;
    if begun.is_err() {
        return end(one, begun).await;
    }
    begun
}

/// The end of [`begin_reading`].
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
    /// For a cast of text: without the length, since a cast to it would cut silently where an
    /// assignment complains.
    pub type_name: String,
    pub not_null: bool,
    /// The server has a value for it when none is given: a default, or an identity.
    pub has_default: bool,
    /// The server alone computes it.
    pub generated: bool,
}

/// Those of some tables of the schema `public` that there are, with their columns.
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

    /// None at all where there is no such table.
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
