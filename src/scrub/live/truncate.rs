//! Truncates tables that lose every row, where the server allows it: it is fast and also removes
//! the old rows from the disk.

use std::collections::BTreeSet;

use super::statements::Statements;
use super::{Limits, LiveError};
use crate::adapters::postgres::Session;
use crate::schema::TableName;
use crate::scrub::rules::RowRule;

/// The tables that can be truncated together. The server refuses to truncate a table that another
/// table references, unless both are in the same statement. Partitions are left to DELETE.
pub(super) fn truncatable(statements: Statements<'_>) -> Vec<TableName> {
    let schema = &statements.live.schema;
    let mut chosen: BTreeSet<&TableName> = statements
        .live
        .holding_rows()
        .filter(|(name, table)| loses_all(statements, name) && table.partition_of.is_none())
        .map(|(name, _)| name)
        .collect();
    loop {
        let referenced: BTreeSet<&TableName> = schema
            .tables
            .iter()
            .filter(|(name, _)| !chosen.contains(name))
            .flat_map(|(_, table)| table.foreign_keys.iter().map(|key| &key.references))
            .collect();
        let before = chosen.len();
        chosen.retain(|name| !referenced.contains(name));
        if chosen.len() == before {
            return chosen.into_iter().cloned().collect();
        }
    }
}

/// Whether the table loses every row.
pub(super) fn loses_all(statements: Statements<'_>, table: &TableName) -> bool {
    let rule = statements.plan.table(table).and_then(|plan| plan.rule.as_ref());
    rule.is_some_and(|rule| rule.rows == RowRule::Delete)
}

/// Counts the rows of each table and truncates those that have rows. An empty table is not touched.
pub(super) async fn truncate(
    session: &Session,
    tables: &[TableName],
    limits: &Limits,
) -> Result<Vec<(TableName, u64)>, LiveError> {
    let mut counts = Vec::new();
    for table in tables {
        let count = format!("SELECT pg_catalog.count(*) FROM ONLY {}", table.quoted());
        let failed = LiveError::of_statement(table, "count the rows of", limits);
        let rows: i64 = session.query_one(&count, &[]).await.map_err(failed)?.get(0);
        counts.push((table.clone(), u64::try_from(rows).unwrap_or_default()));
    }
    let full: Vec<&TableName> =
        counts.iter().filter(|(_, rows)| *rows > 0).map(|(table, _)| table).collect();
    if let Some(first) = full.first() {
        let list: Vec<String> =
            full.iter().map(|table| format!("ONLY {}", table.quoted())).collect();
        let statement = format!("TRUNCATE TABLE {}", list.join(", "));
        let failed = LiveError::of_statement(first, "empty", limits);
        session.batch_execute(&statement).await.map_err(failed)?;
    }
    Ok(counts)
}
