//! Runs the manifest's own statements after the load, and finds out which tables they wrote to.
//! Their rows have not been audited yet.

use std::collections::HashMap;

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::RestoreError;
use crate::adapters::postgres::{PostgresError, Session};
use crate::schema::TableName;
use crate::scrub::ScrubPlan;

/// Where rows were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Only to these tables, by the server's count.
    Tables(Vec<TableName>),
    /// Unknown: any table may have new rows, and there may be new tables.
    Anywhere,
}

/// Schemas of the server itself.
const SYSTEM: [&str; 2] = ["pg_catalog", "information_schema"];

/// Runs the statements in one transaction, in which the server counts the rows that each table
/// gets. Statements that cannot run in a transaction, or that end it, run too; then every table
/// counts as written.
pub async fn run(session: &Session, scrub: &ScrubPlan) -> Result<Written, RestoreError> {
    let statements: Vec<&str> = scrub.after_statements().collect();
    // The manifest's statements name tables without a schema.
    session.batch_execute("SET search_path = public").await?;
    if statements.is_empty() {
        return Ok(Written::Tables(Vec::new()));
    }
    session.batch_execute("BEGIN").await?;
    let transaction = transaction(session).await?;
    // A session reports its counts at most once a second. Until then the server counts the rows of
    // its earlier transactions, here those of the load, as rows of this one.
    let before = rows_written(session).await?;
    match execute(session, &statements).await {
        Err(error) if error.code() == Some(&SqlState::ACTIVE_SQL_TRANSACTION) => {
            session.batch_execute("ROLLBACK").await?;
            execute(session, &statements).await?;
            return Ok(Written::Anywhere);
        }
        result => result?,
    }
    session.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await?;
    let counted = written(session, &before).await?;
    let ended = self::transaction(session).await? != transaction;
    session.batch_execute("COMMIT").await?;
    Ok(if ended { Written::Anywhere } else { counted })
}

async fn execute(session: &Session, statements: &[&str]) -> Result<(), RestoreError> {
    for statement in statements {
        session.batch_execute(statement).await.map_err(|error| RestoreError::After {
            statement: (*statement).to_owned(),
            source: PostgresError::Server(error),
        })?;
    }
    Ok(())
}

async fn transaction(session: &Session) -> Result<i64, RestoreError> {
    Ok(session.query_one("SELECT pg_catalog.txid_current()", &[]).await?.get(0))
}

/// Rows that the session has inserted or updated in each table, by the server's count. It does not
/// change within a transaction except by the transaction's own writing.
async fn rows_written(session: &Session) -> Result<HashMap<TableName, i64>, RestoreError> {
    let rows = session
        .query(
            "SELECT schemaname::text, relname::text, n_tup_ins + n_tup_upd \
             FROM pg_catalog.pg_stat_xact_all_tables \
             WHERE n_tup_ins + n_tup_upd > 0 AND schemaname !~ '^pg_toast'",
            &[],
        )
        .await?;
    let named =
        |row: &Row| (TableName::new(row.get::<_, &str>(0), row.get::<_, &str>(1)), row.get(2));
    Ok(rows.iter().map(named).collect())
}

/// The tables that this transaction has written to. A write to the catalog means that tables,
/// columns or defaults may have changed, which the counts do not show.
async fn written(
    session: &Session,
    before: &HashMap<TableName, i64>,
) -> Result<Written, RestoreError> {
    let counting = "SELECT pg_catalog.current_setting('track_counts')";
    if session.query_one(counting, &[]).await?.get::<_, &str>(0) != "on" {
        return Ok(Written::Anywhere);
    }
    let now = rows_written(session).await?.into_iter();
    let tables: Vec<TableName> = now
        .filter(|(table, count)| before.get(table) != Some(count))
        .map(|(table, _)| table)
        .collect();
    let of_the_server = |table: &TableName| SYSTEM.contains(&table.schema.as_str());
    Ok(match tables.iter().any(of_the_server) {
        true => Written::Anywhere,
        false => Written::Tables(tables),
    })
}
