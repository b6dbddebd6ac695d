//! Runs the manifest's own statements once the rows are in, and finds out what they wrote: it has
//! not passed the audit of the rows.

use tokio_postgres::error::SqlState;

use super::RestoreError;
use crate::adapters::postgres::{PostgresError, Session};
use crate::schema::TableName;
use crate::scrub::ScrubPlan;

/// Where rows were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// In these tables and nowhere else, as the server counted.
    Tables(Vec<TableName>),
    /// It is not known: any table may have new rows, and there may be new tables.
    Anywhere,
}

/// The server's own catalog and what belongs to other tables.
const SYSTEM: [&str; 2] = ["pg_catalog", "information_schema"];

/// The statements run in one transaction, in which the server counts the rows that each table gets.
/// Statements that cannot run in one, or that end it, run as well; then everything is looked at.
pub async fn run(session: &Session, scrub: &ScrubPlan) -> Result<Written, RestoreError> {
    let statements: Vec<&str> = scrub.after_statements().collect();
    // Statements of the manifest name tables without their schema.
    session.batch_execute("SET search_path = public").await?;
    if statements.is_empty() {
        return Ok(Written::Tables(Vec::new()));
    }
    session.batch_execute("BEGIN").await?;
    let transaction = transaction(session).await?;
    match execute(session, &statements).await {
        Err(error) if error.code() == Some(&SqlState::ACTIVE_SQL_TRANSACTION) => {
            session.batch_execute("ROLLBACK").await?;
            execute(session, &statements).await?;
            return Ok(Written::Anywhere);
        }
        result => result?,
    }
    session.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await?;
    let counted = written(session).await?;
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

/// What this transaction has written. A change of the catalog means that tables, columns or
/// defaults have changed, which no count shows.
async fn written(session: &Session) -> Result<Written, RestoreError> {
    let counting = "SELECT pg_catalog.current_setting('track_counts')";
    if session.query_one(counting, &[]).await?.get::<_, &str>(0) != "on" {
        return Ok(Written::Anywhere);
    }
    let rows = session
        .query(
            "SELECT schemaname::text, relname::text FROM pg_catalog.pg_stat_xact_all_tables \
             WHERE n_tup_ins + n_tup_upd > 0 AND schemaname !~ '^pg_toast'",
            &[],
        )
        .await?;
    let tables: Vec<TableName> = rows
        .iter()
        .map(|row| TableName::new(row.get::<_, &str>(0), row.get::<_, &str>(1)))
        .collect();
    let of_the_server = |table: &TableName| SYSTEM.contains(&table.schema.as_str());
    Ok(match tables.iter().any(of_the_server) {
        true => Written::Anywhere,
        false => Written::Tables(tables),
    })
}
