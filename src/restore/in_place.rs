//! Loads a backup into a database that is there: the one way where the role may neither create nor
//! rename databases, as on Heroku.
//!
//! The caller empties the database first (`Heroku::reset_database`). A load that does not come to
//! its end leaves it partly filled with rows that were scrubbed and audited; the next attempt has to
//! empty it again, as only an empty one is loaded into. So "reset, then load" can be repeated at
//! any time, and ends in the same place.
//!
//! Order of work for a caller, so that nothing is lost by a manifest that does not fit:
//! [`OpenBackup::download`](super::OpenBackup::download), [`Contents::read`](super::Contents::read),
//! [`Prepared::scrubbed`], the reset, [`load`], and [`verify`] with a session of its own.

use std::time::Duration;

use thiserror::Error;
use tokio_postgres::error::SqlState;

use super::empty::{self, Found};
use super::extensions::try_extensions;
use super::row_counts::{self, RowDifference, RowsByTable};
use super::verify::Inventory;
use super::{LoadReport, LoadTarget, Prepared, RestoreError, TableReport, default_jobs};
use crate::adapters::postgres::{DatabaseUrl, PostgresError, Session, connect};
use crate::events::{Event, SharedReporter};
use crate::schema::TableName;
use crate::scrub::live::{self, Access, Audit, Depth, Limits, LiveError, PendingRows};
use crate::scrub::{AuditCount, Manifest, TableAction, UnreadValues};

/// Held by the session that watches over a load; in the namespace of its one database.
const ADVISORY_LOCK: &str = "bcops in-place load";

/// The server may still be at work on the last statement of a bcops that was killed a moment ago.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// The load did not wait for the disk. This commit waits, and with it everything before it.
const MAKE_DURABLE: &str = "SET synchronous_commit = on; \
    CREATE TEMPORARY TABLE bcops_loaded (); DROP TABLE pg_temp.bcops_loaded";

const STATISTICS_STEP: &str = "statistics";

/// How to load.
#[derive(Debug, Clone, Copy)]
pub struct InPlaceOptions {
    /// Sessions that copy, and as many that build indexes.
    pub jobs: usize,
    /// How long to wait for a lock that another session of the database holds.
    pub lock_timeout: Duration,
}

impl Default for InPlaceOptions {
    fn default() -> Self {
        InPlaceOptions { jobs: default_jobs(), lock_timeout: Duration::from_secs(60) }
    }
}

/// A database that a backup was loaded into, every row of it scrubbed and audited on the way.
#[derive(Debug)]
pub struct Loaded {
    pub tables: Vec<LoadedTable>,
    /// What the audit saw in the rows that were written; no finding is among them, or there would
    /// be no such value.
    pub audit: Vec<AuditCount>,
    pub inventory: Inventory,
    /// Read back from the server at the very end.
    pub rows: RowsByTable,
    pub archive_bytes: u64,
    /// What was left out or done differently, for the user.
    pub notes: Vec<String>,
}

/// What became of one table's rows.
#[derive(Debug, Clone)]
pub struct LoadedTable {
    pub report: TableReport,
    /// The rule in words.
    pub rule: String,
    pub proof: Proof,
}

/// Why a table holds no personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// None of its rows was written.
    Emptied,
    /// Each row that was written was scanned before it was sent.
    Audited,
}

/// Why a database was not loaded, or not found to be what was loaded.
#[derive(Debug, Error)]
pub enum InPlaceError {
    #[error("{place} is not empty and was left as it is; it holds {}", listed(.found))]
    NotEmpty { place: String, found: Vec<Found> },
    #[error("another bcops is loading into {place} at this moment")]
    Locked { place: String },
    #[error("the backup was prepared without a scrub, and is not loaded into {place}")]
    NotScrubbed { place: String },
    /// Nothing was written.
    #[error("nothing was loaded into {place}")]
    NotBegun { place: String, source: RestoreError },
    #[error(
        "personal data would remain in {} after the scrub; none of it was written, and what \
         {place} holds now is a part of the backup",
        places(.findings.len())
    )]
    PersonalData { place: String, findings: Vec<AuditCount> },
    #[error(
        "the load into {place} stopped half-way; the database holds a part of the backup, and the \
         next attempt has to empty it again"
    )]
    HalfLoaded { place: String, source: RestoreError },
    #[error("{place} cannot be verified")]
    NotVerified { place: String, source: LiveError },
    #[error("personal data remains in {} of {place}", places(.findings.len() + .doubts.len() + .pending.len()))]
    Remains {
        place: String,
        findings: Vec<AuditCount>,
        doubts: Vec<UnreadValues>,
        pending: Vec<PendingRows>,
    },
    #[error("{place} does not hold the rows that were loaded: {}", told(.differences))]
    RowsDiffer { place: String, differences: Vec<RowDifference> },
}

fn listed(found: &[Found]) -> String {
    found.iter().map(Found::to_string).collect::<Vec<_>>().join(", ")
}

fn places(count: usize) -> String {
    crate::ui::plural(count as u64, "place")
}

fn told(differences: &[RowDifference]) -> String {
    let rows =
        |rows: Option<u64>| rows.map_or_else(|| "no table".to_owned(), |rows| rows.to_string());
    let one = |one: &RowDifference| {
        format!("{} has {} instead of {}", one.table, rows(one.found), rows(one.expected))
    };
    differences.iter().take(5).map(one).collect::<Vec<_>>().join(", ")
}

impl InPlaceError {
    /// What the server said, if it was the server.
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            InPlaceError::NotBegun { source, .. } | InPlaceError::HalfLoaded { source, .. } => {
                source.code()
            }
            _ => None,
        }
    }
}

/// What is in the database, by kind; nothing means that it is empty.
///
/// # Errors
///
/// When the server cannot be asked.
pub async fn contents(url: &DatabaseUrl) -> Result<Vec<Found>, PostgresError> {
    let session = connect(url).await?;
    let found = empty::contents(&session).await?;
    session.close().await;
    Ok(found)
}

/// Loads the backup into the empty database of this role. Dropping the future stops the load; the
/// database is then as after any other failure.
///
/// # Errors
///
/// A database that is not empty, one that another bcops loads into, and an extension that is needed
/// and cannot be had, are found out before anything is written. After that every error leaves a
/// database that has to be emptied.
pub async fn load(
    url: &DatabaseUrl,
    prepared: Prepared,
    options: &InPlaceOptions,
    reporter: &SharedReporter,
) -> Result<Loaded, InPlaceError> {
    let place = place(url);
    let Some(scrub) = prepared.scrub.clone() else {
        return Err(InPlaceError::NotScrubbed { place });
    };
    let before = |source: RestoreError| InPlaceError::NotBegun { place: place.clone(), source };
    let connected = connect(url).await;
    let control = connected.map_err(|error| before(error.into()))?;
    if !lock(&control).await.map_err(|error| before(error.into()))? {
        return Err(InPlaceError::Locked { place });
    }
    let found = empty::contents(&control).await.map_err(|error| before(error.into()))?;
    if !found.is_empty() {
        return Err(InPlaceError::NotEmpty { place, found });
    }
    limit_locks(&control, options.lock_timeout).await.map_err(|error| before(error.into()))?;
    let extensions = try_extensions(&control, &prepared.plan).await.map_err(before)?;
    for name in extensions.missed() {
        let text = format!("the extension {name} cannot be created in {place}, and is left out");
        reporter.emit(Event::Warning(text));
    }
    let target = LoadTarget {
        url: url.clone(),
        extensions,
        jobs: options.jobs,
        lock_timeout: options.lock_timeout,
        count_rows: true,
    };
    let loading = async {
        let report = prepared.load(target, reporter.clone()).await?;
        control.batch_execute(MAKE_DURABLE).await?;
        Ok((report, row_counts::count(&control).await?))
    };
    let (report, rows) = loading.await.map_err(|error| half_loaded(error, place))?;
    gather_statistics(&control, reporter).await;
    control.close().await;
    let proof = |table: &TableName| match scrub.table(table).map(|plan| plan.action) {
        Some(TableAction::Delete) => Proof::Emptied,
        // A table that the plan does not know stops the load.
        _ => Proof::Audited,
    };
    let rule = |table: &TableName| scrub.table(table).map(|plan| plan.description.clone());
    let LoadReport { tables, audit, inventory, archive_bytes, notes } = report;
    let tables = tables.into_iter().map(|report| LoadedTable {
        rule: rule(&report.table).unwrap_or_default(),
        proof: proof(&report.table),
        report,
    });
    Ok(Loaded { tables: tables.collect(), audit, inventory, rows, archive_bytes, notes })
}

/// The name of the database and where it is, for messages.
fn place(url: &DatabaseUrl) -> String {
    format!("the database {} on {}", url.database, url.place())
}

fn half_loaded(error: RestoreError, place: String) -> InPlaceError {
    match error {
        RestoreError::PersonalData { findings } => InPlaceError::PersonalData { place, findings },
        source => InPlaceError::HalfLoaded { place, source },
    }
}

async fn lock(session: &Session) -> Result<bool, PostgresError> {
    let statement = "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended($1, 0))";
    let started = std::time::Instant::now();
    while !session.query_one(statement, &[&ADVISORY_LOCK]).await?.get::<_, bool>(0) {
        if started.elapsed() >= LOCK_PATIENCE {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(true)
}

async fn limit_locks(session: &Session, timeout: Duration) -> Result<(), PostgresError> {
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX).max(1);
    let sql = format!("SET lock_timeout = {milliseconds}; SET search_path = ''");
    Ok(session.batch_execute(&sql).await?)
}

/// Without statistics the migrations that follow would plan for tables of ten rows. A database that
/// lacks them is whole all the same, and the server's own workers make up for it.
async fn gather_statistics(session: &Session, reporter: &SharedReporter) {
    let description = "Gathering statistics for the planner".to_owned();
    reporter.emit(Event::StepStarted { step: STATISTICS_STEP, description });
    match session.batch_execute("SET client_min_messages = error; ANALYZE").await {
        Ok(()) => {
            let summary = "Statistics gathered".to_owned();
            reporter.emit(Event::StepFinished { step: STATISTICS_STEP, summary });
        }
        Err(error) => {
            let summary = format!("no statistics were gathered: {}", PostgresError::from(error));
            reporter.emit(Event::StepFailed { step: STATISTICS_STEP, summary });
        }
    }
}

/// A database that was looked at from the outside and holds what was loaded, and nothing personal.
#[derive(Debug)]
pub struct Verified {
    pub audit: Audit,
    pub rows: RowsByTable,
    /// Rows of extensions and of foreign tables, which no manifest reaches.
    pub not_looked_at: Vec<TableName>,
}

/// Audits the database anew, in a session that can only read: every rule holds, nothing personal
/// is found, and each table has the rows that were loaded (`expected`, if they are known).
///
/// It is what `scrub-pii --check` does, in one snapshot with the counts.
///
/// # Errors
///
/// [`InPlaceError::Remains`], [`InPlaceError::RowsDiffer`], or that it could not be shown.
pub async fn verify(
    url: &DatabaseUrl,
    manifest: &Manifest,
    policy: &str,
    expected: Option<&RowsByTable>,
    limits: &Limits,
    reporter: &SharedReporter,
) -> Result<Verified, InPlaceError> {
    let place = place(url);
    let failed = |source| InPlaceError::NotVerified { place: place.clone(), source };
    let session = connect(url).await.map_err(|error| failed(error.into()))?;
    live::begin(&session, Access::Read, limits).await.map_err(failed)?;
    let looking = async {
        let (live, plan) = live::look(&session, manifest, policy).await?;
        let audit = live::audit(&session, &plan, &live, reporter).await?;
        let pending = live::pending(&session, &plan, &live, Depth::Values, limits).await?;
        let rows = row_counts::count(&session).await?;
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
