//! Opens the transaction in which a database is read or scrubbed, with a fixed search path and time
//! limits.

use std::time::Duration;

use crate::adapters::postgres::{PostgresError, Session};

/// How long the server may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// To get one lock.
    pub lock: Duration,
    /// For one statement.
    pub statement: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { lock: Duration::from_secs(10), statement: Duration::from_secs(600) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Write,
    /// One snapshot of everything. The server refuses every change.
    Read,
}

/// Opens a transaction in which names are unambiguous and nothing waits forever.
pub async fn begin(
    session: &Session,
    access: Access,
    limits: &Limits,
) -> Result<(), PostgresError> {
    let mode = match access {
        Access::Write => "READ WRITE, ISOLATION LEVEL READ COMMITTED",
        Access::Read => "READ ONLY, ISOLATION LEVEL REPEATABLE READ",
    };
    let version: i32 = session
        .query_one("SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4", &[])
        .await?
        .get(0);
    // A server that notices a broken connection stops the statement. Some systems cannot do that
    // and return an error.
    if version >= 140_000 {
        let _ = session.batch_execute("SET client_connection_check_interval = '2s'").await;
    }
    let statement = format!(
        "BEGIN TRANSACTION {mode}; SET LOCAL search_path = ''; SET LOCAL lock_timeout = {}; \
         SET LOCAL statement_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = '5min'; \
         SET LOCAL row_security = off; SET LOCAL work_mem = '64MB'; SET LOCAL jit = off",
        milliseconds(limits.lock),
        milliseconds(limits.statement),
    );
    Ok(session.batch_execute(&statement).await?)
}

/// The duration in the server's unit. At least 1, because 0 would mean no limit.
fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX).max(1)
}
