//! Verifies a database that was loaded in place, through a separate session that can only read.

use super::{InPlaceError, place};
use crate::adapters::postgres::{DatabaseUrl, PostgresError, Session, connect, quote_literal};
use crate::events::SharedReporter;
use crate::restore::row_counts::{self, RowsByTable};
use crate::schema::TableName;
use crate::scrub::Manifest;
use crate::scrub::live::{self, Access, Audit, Depth, Limits, LiveError};

/// A verified database: it holds the rows that were loaded, and no personal data.
#[derive(Debug)]
pub struct Verified {
    pub audit: Audit,
    pub rows: RowsByTable,
    /// Tables of extensions and foreign tables, which no manifest covers.
    pub not_looked_at: Vec<TableName>,
}

/// Counts rows in the snapshot of the session, through another session with short transactions. One
/// long transaction would hold a lock on every table and index, and a server has room for a few
/// thousand.
async fn count_rows(
    session: &Session,
    url: &DatabaseUrl,
    limits: &Limits,
) -> Result<RowsByTable, PostgresError> {
    let sql = "SELECT pg_catalog.pg_export_snapshot()";
    let snapshot: String = session.query_one(sql, &[]).await?.get(0);
    let counting = connect(url).await?;
    let tables = row_counts::list(&counting).await?;
    let mut rows = RowsByTable::default();
    for some in tables.chunks(row_counts::AT_ONCE) {
        live::begin(&counting, Access::Read, limits).await?;
        let sql = format!("SET TRANSACTION SNAPSHOT {}", quote_literal(&snapshot));
        counting.batch_execute(&sql).await?;
        row_counts::count_listed(&counting, some, &mut rows).await?;
        counting.batch_execute("COMMIT").await?;
    }
    counting.close().await;
    Ok(rows)
}

/// Audits the database again in a session that can only read. Every rule must hold, no personal
/// data may be found, and each table must have the rows that were loaded (`expected`, if known).
///
/// This is `scrub-pii --check`, with the row counts taken in the same snapshot.
///
/// # Errors
///
/// [`InPlaceError::Remains`], [`InPlaceError::RowsDiffer`], or [`InPlaceError::NotVerified`].
pub async fn verify(
    url: &DatabaseUrl,
    manifest: &Manifest,
    policy: &str,
    expected: Option<&RowsByTable>,
    limits: &Limits,
    reporter: &SharedReporter,
) -> Result<Verified, InPlaceError> {
    let place = place(url);
    let failed = |source: LiveError| InPlaceError::NotVerified { place: place.clone(), source };
    let session = connect(url).await.map_err(|error| failed(error.into()))?;
    live::begin(&session, Access::Read, limits).await.map_err(|error| failed(error.into()))?;
    let looking = async {
        let (live, plan) = live::look(&session, manifest, policy).await?;
        let audit = live::audit(&session, &plan, &live, reporter).await?;
        let pending = live::pending(&session, &plan, &live, Depth::Values, limits).await?;
        let rows = count_rows(&session, url, limits).await?;
        let not_looked_at = [live.extension_tables, live.foreign_tables].concat();
        Ok((pending, Verified { audit, rows, not_looked_at }))
    };
    let (pending, verified) = match looking.await {
        Ok(seen) => seen,
        Err(error) => return Err(failed(live::explain(&session, error).await)),
    };
    session.close().await;
    if !verified.audit.passed() || !pending.is_empty() {
        let (findings, doubts) = (verified.audit.findings(), verified.audit.doubts());
        return Err(InPlaceError::Remains { place, findings, doubts, pending });
    }
    let differences =
        expected.map(|expected| expected.differences(&verified.rows)).unwrap_or_default();
    match differences.is_empty() {
        true => Ok(verified),
        false => Err(InPlaceError::RowsDiffer { place, differences }),
    }
}
