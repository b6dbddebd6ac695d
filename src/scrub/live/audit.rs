//! The audit of a database: every column that can hold text is read once and scanned here.
//!
//! The server writes rows as fast as it can; its own regular expressions would be slower by far and
//! find something else than the audit of rows in flight.

use std::pin::pin;

use futures_util::TryStreamExt;

use super::{AUDIT_STEP, LiveError, LiveSchema};
use crate::adapters::postgres::Session;
use crate::events::{Event, Progress, SharedReporter, Unit};
use crate::schema::{TableName, quote_identifier};
use crate::scrub::{AuditCount, ScrubPlan, TableAudit, UnreadValues, Verdict};

/// Rows are scanned in portions of about this size.
const PORTION: usize = 256 << 10;

/// What an audit saw.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    pub counts: Vec<AuditCount>,
    /// Values that are packed in a way, or to a size, that could not be looked into.
    pub unread: Vec<UnreadValues>,
}

impl Audit {
    pub fn findings(&self) -> Vec<AuditCount> {
        self.counts.iter().filter(|count| count.verdict == Verdict::Finding).cloned().collect()
    }

    /// Values that may hold personal data where there should be none.
    pub fn doubts(&self) -> Vec<UnreadValues> {
        self.unread.iter().filter(|values| values.verdict == Verdict::Finding).cloned().collect()
    }

    pub fn passed(&self) -> bool {
        self.findings().is_empty() && self.doubts().is_empty()
    }
}

/// Audits every table. The session is in a transaction, whose own changes it sees.
pub async fn audit(
    session: &Session,
    plan: &ScrubPlan,
    live: &LiveSchema,
    reporter: &SharedReporter,
) -> Result<Audit, LiveError> {
    let description = "Looking for personal data in every table";
    run(session, plan, live, &|_| true, description, reporter).await
}

/// Audits the tables and materialized views that are wanted.
pub async fn audit_of(
    session: &Session,
    plan: &ScrubPlan,
    live: &LiveSchema,
    wanted: &(dyn Fn(&TableName) -> bool + Sync),
    reporter: &SharedReporter,
) -> Result<Audit, LiveError> {
    run(session, plan, live, wanted, "Looking for personal data in views", reporter).await
}

async fn run(
    session: &Session,
    plan: &ScrubPlan,
    live: &LiveSchema,
    wanted: &(dyn Fn(&TableName) -> bool + Sync),
    description: &str,
    reporter: &SharedReporter,
) -> Result<Audit, LiveError> {
    reporter.emit(Event::StepStarted { step: AUDIT_STEP, description: description.to_owned() });
    let tables: Vec<(&TableName, Vec<String>)> = live
        .holding_rows()
        .chain(&live.views)
        .filter(|(name, _)| wanted(name))
        .map(|(name, table)| {
            // A generated column repeats columns that are looked at themselves.
            let columns =
                table.columns.iter().filter(|column| column.can_hold_text() && !column.generated);
            let mut columns: Vec<String> = columns.map(|column| column.name.clone()).collect();
            if !columns.is_empty() {
                // They say which row holds a number that is published.
                let key = plan.identifying_columns(name).into_iter();
                let key: Vec<String> = key.filter(|one| !columns.contains(one)).collect();
                columns.extend(key);
            }
            (name, columns)
        })
        .filter(|(_, columns)| !columns.is_empty())
        .collect();
    let total = tables.len() as u64;
    let mut audit = Audit::default();
    let mut bytes = 0;
    for (done, (table, columns)) in tables.iter().enumerate() {
        let progress = Progress {
            done: done as u64,
            total: Some(total),
            unit: Unit::Items,
            current: table.short(),
        };
        reporter.emit(Event::StepProgress { step: AUDIT_STEP, progress });
        audit_table(session, plan, table, columns, &mut audit, &mut bytes).await?;
    }
    let megabytes = bytes >> 20;
    let summary = format!("Audited: {total} tables, {megabytes} MB of text");
    reporter.emit(Event::StepFinished { step: AUDIT_STEP, summary });
    Ok(audit)
}

async fn audit_table(
    session: &Session,
    plan: &ScrubPlan,
    table: &TableName,
    columns: &[String],
    result: &mut Audit,
    bytes: &mut u64,
) -> Result<(), LiveError> {
    let list: Vec<String> = columns.iter().map(|column| quote_identifier(column)).collect();
    // A materialized view can only be copied by a query.
    let (columns_read, name) = (list.join(", "), table.quoted());
    let statement = match plan.table(table) {
        Some(_) => format!("COPY {name} ({columns_read}) TO STDOUT"),
        None => format!("COPY (SELECT {columns_read} FROM {name}) TO STDOUT"),
    };
    let failed = |error: tokio_postgres::Error| LiveError::Statement {
        table: table.clone(),
        action: "read",
        source: error.into(),
    };
    let mut audit = TableAudit::thorough(plan, table, columns)?;
    let mut stream = pin!(session.copy_out(&statement).await.map_err(failed)?);
    let mut rows = Vec::with_capacity(2 * PORTION);
    while let Some(row) = stream.try_next().await.map_err(failed)? {
        rows.extend_from_slice(&row);
        if rows.len() >= PORTION {
            *bytes += rows.len() as u64;
            audit.scan(&rows);
            rows.clear();
        }
    }
    *bytes += rows.len() as u64;
    audit.scan(&rows);
    result.unread.extend(audit.unread());
    result.counts.extend(audit.finish());
    Ok(())
}
