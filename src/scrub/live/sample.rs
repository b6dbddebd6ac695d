//! Reads the first rows of every table, for drafting a manifest.

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::error::SqlState;

use super::{LiveError, LiveSchema};
use crate::adapters::postgres::Session;
use crate::schema::{TableName, quote_identifier};
use crate::scrub::tools::{RowSamples, SAMPLE_ROWS, Samples};

/// How many rows of a table are read in storage order. For a mostly empty column, values are then
/// queried separately.
const ROWS: usize = 10 * SAMPLE_ROWS;

/// How long the server may search for values of one column.
const PATIENCE: &str = "20s";

/// How many bytes of a table are read at once.
const PORTION: usize = 1 << 20;

/// Samples the given tables. The session is in a transaction.
pub async fn sample<'a>(
    session: &Session,
    live: &LiveSchema,
    tables: impl IntoIterator<Item = &'a TableName>,
) -> Result<RowSamples, LiveError> {
    let mut samples = RowSamples::default();
    for name in tables {
        let Some(table) = live.schema.tables.get(name) else { continue };
        let columns: Vec<String> = table
            .columns
            .iter()
            .filter(|one| RowSamples::wants_all(name) || one.can_hold_text())
            .filter(|one| !one.generated)
            .map(|one| one.name.clone())
            .collect();
        if columns.is_empty() {
            continue;
        }
        let list: Vec<String> = columns.iter().map(|column| quote_identifier(column)).collect();
        let from = name.quoted();
        let limit = match RowSamples::wants_all(name) {
            true => String::new(),
            false => format!(" LIMIT {ROWS}"),
        };
        let query = format!("SELECT {} FROM {from}{limit}", list.join(", "));
        let rows = take(session, &mut samples, name, &columns, &query).await?;
        if rows < ROWS as u64 || RowSamples::wants_all(name) {
            continue;
        }
        for (column, quoted) in columns.iter().zip(list) {
            if samples.column(name, column).values >= SAMPLE_ROWS as u64 {
                continue;
            }
            let query = format!(
                "SELECT {quoted} FROM {from} WHERE {quoted}::pg_catalog.text <> '' LIMIT {SAMPLE_ROWS}"
            );
            take_in_time(session, &mut samples, name, column, &query).await?;
        }
    }
    Ok(samples)
}

/// Reads the rows and returns their number.
async fn take(
    session: &Session,
    samples: &mut RowSamples,
    name: &TableName,
    columns: &[String],
    query: &str,
) -> Result<u64, LiveError> {
    let mut stream = pin!(session.copy_out(&format!("COPY ({query}) TO STDOUT")).await?);
    let (mut rows, mut number) = (Vec::new(), 0);
    while let Some(row) = stream.try_next().await? {
        rows.extend_from_slice(&row);
        number += memchr::memchr_iter(b'\n', &row).count() as u64;
        if rows.len() > PORTION && rows.ends_with(b"\n") {
            samples.take(name, columns, &rows);
            rows.clear();
        }
    }
    samples.take(name, columns, &rows);
    Ok(number)
}

/// Queries more values of one column. If the server takes too long, the column keeps the values it
/// has.
async fn take_in_time(
    session: &Session,
    samples: &mut RowSamples,
    name: &TableName,
    column: &String,
    query: &str,
) -> Result<(), LiveError> {
    let begin = format!("SAVEPOINT sample; SET LOCAL statement_timeout = '{PATIENCE}'");
    session.batch_execute(&begin).await?;
    let taken = take(session, samples, name, std::slice::from_ref(column), query).await;
    session.batch_execute("ROLLBACK TO SAVEPOINT sample; RELEASE SAVEPOINT sample").await?;
    match taken {
        Err(LiveError::Postgres(error)) if error.code() == Some(&SqlState::QUERY_CANCELED) => {
            Ok(())
        }
        other => other.map(drop),
    }
}
