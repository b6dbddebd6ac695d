//! A look at the first rows of every table, for drafting a manifest.

use std::pin::pin;

use futures_util::TryStreamExt;

use super::{LiveError, LiveSchema};
use crate::adapters::postgres::Session;
use crate::schema::{TableName, quote_identifier};
use crate::scrub::tools::{RowSamples, SAMPLE_ROWS};

/// So much of a table is looked at together.
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
        let limit = match RowSamples::wants_all(name) {
            true => String::new(),
            false => format!(" LIMIT {SAMPLE_ROWS}"),
        };
        let statement =
            format!("COPY (SELECT {} FROM {}{limit}) TO STDOUT", list.join(", "), name.quoted());
        let mut stream = pin!(session.copy_out(&statement).await?);
        let mut rows = Vec::new();
        while let Some(row) = stream.try_next().await? {
            rows.extend_from_slice(&row);
            if rows.len() > PORTION && rows.ends_with(b"\n") {
                samples.take(name, &columns, &rows);
                rows.clear();
            }
        }
        samples.take(name, &columns, &rows);
    }
    Ok(samples)
}
