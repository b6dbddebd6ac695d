//! Counts the rows that do not obey their rules: before a scrub its planned changes, after a scrub
//! the proof that it worked.

use super::edits::{Purpose, edit_rows};
use super::statements::{ROW, Statements};
use super::{Limits, LiveError};
use crate::adapters::postgres::Session;
use crate::schema::TableName;

/// The rows of one table that its rule still has to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedChanges {
    pub table: TableName,
    pub to_delete: u64,
    /// Rows that stay and have columns set or nulled.
    pub to_set: u64,
    /// Rows that stay and have values edited. Some of them may be set as well.
    pub to_edit: u64,
}

impl PlannedChanges {
    pub fn total(&self) -> u64 {
        self.to_delete + self.to_set + self.to_edit
    }
}

/// Whether edited values are fetched and compared, which takes as long as editing them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    Statements,
    Values,
}

/// Counts what the rules would change. Writes nothing. The session is in a transaction.
pub async fn pending(
    session: &Session,
    plan: &crate::scrub::ScrubPlan,
    live: &super::LiveSchema,
    depth: Depth,
    limits: &Limits,
) -> Result<Vec<PlannedChanges>, LiveError> {
    count(session, Statements { plan, live }, depth, limits).await
}

pub(super) async fn count(
    session: &Session,
    statements: Statements<'_>,
    depth: Depth,
    limits: &Limits,
) -> Result<Vec<PlannedChanges>, LiveError> {
    let mut result = Vec::new();
    for (table, _) in statements.live.holding_rows() {
        let rows = count_table(session, statements, table, depth, limits).await?;
        if rows.total() > 0 {
            result.push(rows);
        }
    }
    Ok(result)
}

async fn count_table(
    session: &Session,
    statements: Statements<'_>,
    table: &TableName,
    depth: Depth,
    limits: &Limits,
) -> Result<PlannedChanges, LiveError> {
    let drops = statements.drop_conditions(table);
    let stays = statements.keep_condition(table);
    let goes = match drops.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        _ => Some(format!("NOT ({stays})")),
    };
    let mut rows = PlannedChanges { table: table.clone(), to_delete: 0, to_set: 0, to_edit: 0 };
    if let Some(goes) = goes {
        rows.to_delete = number_of_rows(session, statements, table, &goes, limits).await?;
    }
    // One statement sets all columns, and each lookup has its own: each counts its own rows.
    let together = statements.assignments(table).into_iter();
    let together: Vec<String> = together.map(|one| format!("({})", one.condition)).collect();
    let lookups = statements.lookups(table).into_iter().map(|one| one.condition);
    let together = (!together.is_empty()).then(|| together.join(" OR "));
    for condition in together.into_iter().chain(lookups) {
        let condition = format!("({stays}) AND ({condition})");
        rows.to_set += number_of_rows(session, statements, table, &condition, limits).await?;
    }
    if depth == Depth::Values {
        let purpose = Purpose::Count;
        let edited = edit_rows(session, statements, table, &stays, purpose, limits).await?;
        rows.to_edit = edited.rows;
    }
    Ok(rows)
}

async fn number_of_rows(
    session: &Session,
    statements: Statements<'_>,
    table: &TableName,
    condition: &str,
    limits: &Limits,
) -> Result<u64, LiveError> {
    let relation = statements.live.relation(table);
    let statement =
        format!("SELECT pg_catalog.count(*) FROM {relation} AS {ROW} WHERE {condition}");
    let failed = LiveError::of_statement(table, "count the rows of", limits);
    let rows: i64 = session.query_one(&statement, &[]).await.map_err(failed)?.get(0);
    Ok(u64::try_from(rows).unwrap_or_default())
}
