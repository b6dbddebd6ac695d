//! Audits a live database: reads every column that can hold text once, and scans it here.
//!
//! The server sends rows as fast as it can. Its own regular expressions would be much slower, and
//! would not match what the audit of rows in flight finds.

use std::pin::pin;

use futures_util::TryStreamExt;

use super::{AUDIT_STEP, LiveError, LiveSchema};
use crate::adapters::postgres::Session;
use crate::events::{Event, Progress, SharedReporter, Unit};
use crate::schema::{TableName, quote_identifier};
use crate::scrub::{AuditCount, ScrubPlan, TableAudit, UnreadValues, Verdict};

/// Rows are scanned in portions of about this size.
const PORTION: usize = 256 << 10;

/// The result of an audit.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    pub counts: Vec<AuditCount>,
    /// Values whose encoding or size kept them from being decoded.
    pub unread: Vec<UnreadValues>,
}

impl Audit {
    pub fn findings(&self) -> Vec<AuditCount> {
        self.counts.iter().filter(|count| count.verdict == Verdict::Finding).cloned().collect()
    }

    /// Undecoded values that may hold personal data where it is not allowed.
    pub fn doubts(&self) -> Vec<UnreadValues> {
        self.unread.iter().filter(|values| values.verdict == Verdict::Finding).cloned().collect()
    }

    pub fn passed(&self) -> bool {
        self.findings().is_empty() && self.doubts().is_empty()
    }
}

/// Audits every table. The session is in a transaction, and the audit sees its changes.
pub async fn audit(
    session: &Session,
    plan: &ScrubPlan,
    live: &LiveSchema,
    reporter: &SharedReporter,
) -> Result<Audit, LiveError> {
    let description = "Looking for personal data in every table";
    run(session, plan, live, &|_| true, description, reporter).await
}

/// Audits the wanted tables and materialized views.
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
            // A generated column only repeats columns that are audited.
            let columns =
                table.columns.iter().filter(|column| column.can_hold_text() && !column.generated);
            let mut columns: Vec<String> = columns.map(|column| column.name.clone()).collect();
            if !columns.is_empty() {
                // The key says which row holds a published number.
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
    let summary = format!("Audited {total} tables, {megabytes} MB of text");
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
