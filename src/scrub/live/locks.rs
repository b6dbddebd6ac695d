//! Locks tables, so no one writes while rows are scrubbed.
//!
//! Tables are locked one by one in the order of their names. So two runs cannot wait for each other
//! in a circle, and an error can name the table that is not available.

use tokio_postgres::error::SqlState;

use super::LiveError;
use crate::adapters::postgres::Session;
use crate::schema::TableName;

/// How much a lock excludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// Others can read the rows as they were before.
    Writers,
    /// No other session can read: the table is emptied, or one of its keys is dropped.
    Everybody,
}

/// Locks the tables.
pub(super) async fn lock(
    session: &Session,
    tables: &[(TableName, Strength)],
) -> Result<(), LiveError> {
    for (table, strength) in tables {
        let mode = match strength {
            Strength::Writers => "SHARE ROW EXCLUSIVE",
            Strength::Everybody => "ACCESS EXCLUSIVE",
        };
        let statement = format!("LOCK TABLE ONLY {} IN {mode} MODE", table.quoted());
        session.batch_execute(&statement).await.map_err(|error| {
            let table = table.clone();
            LiveError::Statement { table, action: "lock", source: error.into() }
        })?;
    }
    Ok(())
}

/// Replaces the error of a statement that waited too long for a lock by one that names the holder.
/// The transaction is over then.
pub async fn explain(session: &Session, error: LiveError) -> LiveError {
    let LiveError::Statement { table, source, .. } = &error else { return error };
    if source.code() != Some(&SqlState::LOCK_NOT_AVAILABLE) {
        return error;
    }
    if session.batch_execute("ROLLBACK").await.is_err() {
        return error;
    }
    match holder(session, table).await {
        Ok(holder) => LiveError::TableLocked { table: table.clone(), holder },
        Err(_) => error,
    }
}

/// Who holds a lock on the table, as far as the server shows it. A copy of a database has the same
/// oids for its tables, so the database is compared too. Writers are named before readers.
async fn holder(session: &Session, table: &TableName) -> Result<String, LiveError> {
    let rows = session
        .query(
            "SELECT a.pid, a.usename::text, a.application_name, a.state, \
               pg_catalog.date_part('epoch', pg_catalog.now() - a.xact_start)::pg_catalog.int8 \
             FROM pg_catalog.pg_locks l \
             JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
             WHERE l.relation = ($1::pg_catalog.text)::pg_catalog.regclass AND l.granted \
               AND l.pid <> pg_catalog.pg_backend_pid() \
               AND l.database = (SELECT oid FROM pg_catalog.pg_database \
                 WHERE datname = pg_catalog.current_database()) \
             ORDER BY l.mode IN ('AccessShareLock', 'RowShareLock'), a.xact_start NULLS LAST LIMIT 1",
            &[&table.quoted()],
        )
        .await?;
    let Some(row) = rows.first() else {
        return Ok("released just now: run the command again".into());
    };
    let pid: i32 = row.get(0);
    let mut text = format!("process {pid}");
    if let Some(user) = row.get::<_, Option<String>>(1) {
        text.push_str(&format!(" of {user}"));
    }
    if let Some(name) = row.get::<_, Option<String>>(2).filter(|name| !name.is_empty()) {
        text.push_str(&format!(" ({name})"));
    }
    if let Some(state) = row.get::<_, Option<String>>(3) {
        text.push_str(&format!(", {state}"));
    }
    if let Some(seconds) = row.get::<_, Option<i64>>(4) {
        text.push_str(&format!(", in a transaction for {seconds} s"));
    }
    Ok(text)
}
