//! Audits what the audit in flight could not see: materialized views, which the server fills
//! itself, and the rows that the manifest's own statements wrote.

use super::after::Written;
use super::{RestoreError, RestorePlan};
use crate::adapters::postgres::{DatabaseUrl, connect};
use crate::events::SharedReporter;
use crate::schema::TableName;
use crate::scrub::live::{self, Access, Limits, LiveError};
use crate::scrub::{AuditCount, ScrubError, ScrubPlan, Verdict};

/// Audits the loaded database in a session that can only read, and returns the counts of the audit in
/// flight with the new ones. For a table that was read again, only the new ones count.
///
/// # Errors
///
/// [`RestoreError::PersonalData`] with all findings.
pub async fn audit(
    url: &DatabaseUrl,
    plan: &RestorePlan,
    scrub: &ScrubPlan,
    written: &Written,
    in_flight: Vec<AuditCount>,
    reporter: &SharedReporter,
) -> Result<Vec<AuditCount>, RestoreError> {
    let holds_text = |table: &&TableName| scrub.table(table).is_none_or(|one| one.holds_text());
    let worth_a_look = match written {
        Written::Anywhere => true,
        Written::Tables(tables) => {
            !plan.refreshes.is_empty() || tables.iter().any(|table| holds_text(&table))
        }
    };
    if !worth_a_look {
        return Ok(in_flight);
    }
    let session = connect(url).await?;
    live::begin(&session, Access::Read, &Limits::default()).await?;
    let schema = live::read_live_schema(&*session).await?;
    let with_views = scrub.clone().with_its_views(&schema.views).map_err(LiveError::from)?;
    let wanted = |name: &TableName| match written {
        Written::Anywhere => true,
        Written::Tables(tables) => schema.views.contains_key(name) || tables.contains(name),
    };
    let audit = live::audit_of(&session, &with_views, &schema, &wanted, reporter).await?;
    session.close().await;
    let findings = audit.findings();
    if !findings.is_empty() {
        return Err(RestoreError::PersonalData { findings });
    }
    match audit.doubts().into_iter().next() {
        Some(values) => {
            Err(ScrubError::NotLookedInto { table: values.table, column: values.column }.into())
        }
        None => {
            // A replaced value is no longer in the table: only the audit in flight has seen it.
            let counts =
                |count: &AuditCount| count.verdict == Verdict::Replaced || !wanted(&count.table);
            Ok(in_flight.into_iter().filter(counts).chain(audit.counts).collect())
        }
    }
}
