//! `--vacuum`: rewrites the files of the tables that a scrub changes.
//!
//! Otherwise old versions of rows stay in the files until the server reuses their space, although
//! no query reads them. The rewriting follows the commit, table by table, and includes the tables
//! that an earlier scrub changed. The server only warns where it does not rewrite, so bcops checks
//! each file afterwards. It also keeps rows that another transaction may still see, without a
//! warning, so bcops waits for those transactions.

use crate::adapters::postgres::{PostgresError, Session};
use crate::commands::Context;
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::schema::TableName;
use crate::scrub::live::{Limits, LiveReport};
use crate::words;

use super::old_snapshots::{Holder, wait_until_gone};

/// A table whose file was not rewritten, and why.
struct Failure {
    table: TableName,
    reason: String,
}

/// Rewrites the files of every table with a rule that changes rows. The scrub itself is already
/// committed.
pub async fn run(
    context: &Context,
    session: &Session,
    report: &LiveReport,
    limits: &Limits,
) -> Result<(), CommandError> {
    let step = "vacuum";
    let description = "Rewriting the files of the scrubbed tables".to_owned();
    context.ui.emit(Event::StepStarted { step, description });
    let reporter = context.reporter();
    let work = async {
        set_limits(session, limits).await?;
        if !report.tables.is_empty()
            && let Some(holder) = wait_until_gone(session, limits.statement, &*reporter).await?
        {
            return Err(still_seen(&holder));
        }
        let mut failures = Vec::new();
        for change in &report.tables {
            if let Some(reason) = rewrite(session, &change.table).await? {
                failures.push(Failure { table: change.table.clone(), reason });
            }
        }
        Ok(failures)
    };
    let failures = context.interrupt.guard(work).await.map_err(after_the_scrub)?;
    let rewritten = (report.tables.len() - failures.len()) as u64;
    let summary = format!("Rewrote the files of {}", words::plural(rewritten, "table"));
    context.ui.emit(Event::StepFinished { step, summary });
    if failures.is_empty() { Ok(()) } else { Err(told(context, &failures)) }
}

/// The limits of the scrub ended with its transaction.
async fn set_limits(session: &Session, limits: &Limits) -> Result<(), CommandError> {
    let statement = format!(
        "SET lock_timeout = {}; SET statement_timeout = {}",
        limits.lock.as_millis().clamp(1, i32::MAX as u128),
        limits.statement.as_millis().clamp(1, i32::MAX as u128)
    );
    Ok(session.batch_execute(&statement).await.map_err(PostgresError::from)?)
}

/// Rewrites the files of one table. Returns the reason if they are still the old files.
async fn rewrite(session: &Session, table: &TableName) -> Result<Option<String>, CommandError> {
    let before = file(session, table).await?;
    let statement = format!("VACUUM (FULL, ANALYZE) {}", table.quoted());
    if let Err(error) = session.batch_execute(&statement).await {
        let refused = error.as_db_error().is_some();
        let error = PostgresError::from(error);
        // The server's own text may quote a value, which the error's text cuts.
        return if refused { Ok(Some(error.to_string())) } else { Err(error.into()) };
    }
    let unchanged = file(session, table).await? == before;
    Ok(unchanged.then(|| "the session's user is not its owner".to_owned()))
}

async fn file(session: &Session, table: &TableName) -> Result<Option<u32>, CommandError> {
    let query =
        "SELECT pg_catalog.pg_relation_filenode(($1::pg_catalog.text)::pg_catalog.regclass)";
    let row = session.query_one(query, &[&table.quoted()]).await.map_err(PostgresError::from)?;
    Ok(row.get(0))
}

fn still_seen(holder: &Holder) -> CommandError {
    let text =
        format!("cannot rewrite the files: {} may still see the old rows", holder.description);
    let error = CommandError::new(FailureKind::Unexpected, text);
    let error = match &holder.end {
        Some(end) => error.hint(format!("{end};   -- in psql, or wait until it ends")),
        None => error,
    };
    error.hint("then run the same command again: it also rewrites what an earlier scrub changed")
}

/// An error that ends the rewriting also says that the scrub is done.
fn after_the_scrub(error: CommandError) -> CommandError {
    match error.kind {
        FailureKind::Interrupted => CommandError::new(
            FailureKind::Interrupted,
            "interrupted; the database is scrubbed, but some files are not rewritten",
        ),
        kind => {
            let text = "cannot rewrite the files of the tables; the database is scrubbed";
            let hints = error.hints.clone();
            let outer = CommandError::new(kind, text).with_cause(error);
            outer.with_hints(hints)
        }
    }
}

fn told(context: &Context, failures: &[Failure]) -> CommandError {
    for Failure { table, reason } in failures {
        let table = table.short();
        let text = format!("cannot rewrite the files of {table}: {reason}; old rows stay in them");
        context.ui.emit(Event::Warning(text));
    }
    let tables = words::plural(failures.len() as u64, "table");
    let text = format!("cannot rewrite the files of {tables}; the database is scrubbed");
    let error = CommandError::new(FailureKind::Unexpected, text);
    failures.iter().fold(error, |error, failure| {
        error.hint(format!("VACUUM FULL {};   -- in psql, as its owner", failure.table.quoted()))
    })
}
