//! Loads a backup into a database that exists and is empty.

use std::time::{Duration, Instant};

use super::{Found, InPlaceError, place};
use crate::adapters::postgres::{DatabaseUrl, PostgresError, Session, connect};
use crate::events::{Event, SharedReporter};
use crate::restore::extensions::try_extensions;
use crate::restore::row_counts::{self, RowsByTable};
use crate::restore::session::SessionSettings;
use crate::restore::verify::Inventory;
use crate::restore::{
    LoadReport, LoadTarget, Prepared, RestoreError, RestorePlan, TableReport, Unbuilt,
    default_jobs, empty,
};
use crate::schema::TableName;
use crate::scrub::{AuditCount, DroppedMember, ScrubPlan, TableAction};

/// The lock that the controlling session of a load holds. Advisory locks are per database.
const ADVISORY_LOCK: &str = "bcops in-place load";

/// How long to try for the lock: the server may still run the last statement of a killed bcops.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// The load does not wait for the disk. This commit does, for itself and for every commit before
/// it.
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

/// A database that was loaded from a backup, with each row scrubbed and audited on the way.
#[derive(Debug)]
pub struct Loaded {
    pub tables: Vec<LoadedTable>,
    /// What the audit counted in the rows that were written. A finding would have stopped the load.
    pub audit: Vec<AuditCount>,
    pub inventory: Inventory,
    /// The rows as counted by the server at the very end.
    pub rows: RowsByTable,
    pub archive_bytes: u64,
    /// JSON members that were dropped because no rule names them.
    pub dropped_members: Vec<DroppedMember>,
    /// What was skipped or done differently, to be shown to the user.
    pub notes: Vec<String>,
    /// Objects that could not be built. The database is complete without them.
    pub unbuilt: Vec<Unbuilt>,
}

/// What happened to one table's rows.
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

/// What is in the database, by kind. The list is empty if the database is.
///
/// # Errors
///
/// When the server does not answer.
pub async fn contents(url: &DatabaseUrl) -> Result<Vec<Found>, PostgresError> {
    let session = connect(url).await?;
    let found = empty::contents(&session).await?;
    session.close().await;
    Ok(found)
}

/// Loads the backup into the empty database of this role. Dropping the future stops the load and
/// leaves the database as any other failure does.
///
/// # Errors
///
/// Before anything is written: the database is not empty, another bcops is loading into it, or a
/// needed extension cannot be created. After that every error leaves a database that must be
/// emptied.
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
    let (control, target) =
        begin(url, &prepared.plan, prepared.has_rows(), options, reporter, &place).await?;
    let loading = async {
        let report = prepared.load(target, reporter.clone()).await?;
        control.batch_execute(MAKE_DURABLE).await?;
        Ok((report, row_counts::count(&control).await?))
    };
    let (report, rows) = loading.await.map_err(|error| half_loaded(error, place))?;
    gather_statistics(&control, reporter).await;
    control.close().await;
    Ok(summary(report, rows, &scrub))
}

/// Makes all checks before the first change. Returns the session that holds the lock while it is
/// open, and the target of the load.
async fn begin(
    url: &DatabaseUrl,
    plan: &RestorePlan,
    has_rows: impl Fn(&TableName) -> bool + Send,
    options: &InPlaceOptions,
    reporter: &SharedReporter,
    place: &str,
) -> Result<(Session, LoadTarget), InPlaceError> {
    let InPlaceOptions { jobs, lock_timeout } = *options;
    let beginning = async {
        let control = connect(url).await?;
        let settings = SessionSettings::for_archive(&control, &plan.toc, lock_timeout).await?;
        settings.apply(&control).await?;
        let locked = lock(&control).await?;
        let found = if locked { empty::contents(&control).await? } else { Vec::new() };
        Ok((control, locked, found))
    };
    let not_begun = |source| InPlaceError::NotBegun { place: place.to_owned(), source };
    let (control, locked, found) = beginning.await.map_err(not_begun)?;
    if !locked {
        return Err(InPlaceError::Locked { place: place.to_owned() });
    }
    if !found.is_empty() {
        return Err(InPlaceError::NotEmpty { place: place.to_owned(), found });
    }
    let extensions = try_extensions(&control, plan, has_rows).await.map_err(not_begun)?;
    for name in extensions.missed() {
        let text = format!("the extension {name} cannot be created in {place}; bcops skips it");
        reporter.emit(Event::Warning(text));
    }
    let url = url.clone();
    Ok((control, LoadTarget { url, extensions, jobs, lock_timeout, count_rows: true }))
}

fn summary(report: LoadReport, rows: RowsByTable, scrub: &ScrubPlan) -> Loaded {
    let LoadReport {
        tables,
        audit,
        inventory,
        archive_bytes,
        dropped_members,
        mut notes,
        warnings,
        unbuilt,
    } = report;
    notes.extend(warnings);
    let tables = tables.into_iter().map(|report| {
        let plan = scrub.table(&report.table);
        let proof = match plan.map(|plan| plan.action) {
            Some(TableAction::Delete) => Proof::Emptied,
            // A table that is missing from the plan has stopped the load already.
            _ => Proof::Audited,
        };
        let rule = plan.map(|plan| plan.description.clone()).unwrap_or_default();
        LoadedTable { report, rule, proof }
    });
    let tables = tables.collect();
    Loaded { tables, audit, inventory, rows, archive_bytes, dropped_members, notes, unbuilt }
}

fn half_loaded(error: RestoreError, place: String) -> InPlaceError {
    match error {
        RestoreError::PersonalData { findings } => InPlaceError::PersonalData { place, findings },
        source => InPlaceError::HalfLoaded { place, source },
    }
}

async fn lock(session: &Session) -> Result<bool, PostgresError> {
    let statement = "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended($1, 0))";
    let started = Instant::now();
    while !session.query_one(statement, &[&ADVISORY_LOCK]).await?.get::<_, bool>(0) {
        if started.elapsed() >= LOCK_PATIENCE {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(true)
}

/// Without statistics the server would plan the migrations that follow for tables of ten rows. A
/// failure is not an error: the data is complete, and autovacuum gathers statistics later.
async fn gather_statistics(session: &Session, reporter: &SharedReporter) {
    let description = "Gathering statistics for the query planner".to_owned();
    reporter.emit(Event::StepStarted { step: STATISTICS_STEP, description });
    match session.batch_execute("SET client_min_messages = error; ANALYZE").await {
        Ok(()) => {
            let summary = "Gathered statistics".to_owned();
            reporter.emit(Event::StepFinished { step: STATISTICS_STEP, summary });
        }
        Err(error) => {
            let summary = format!("cannot gather statistics: {}", PostgresError::from(error));
            reporter.emit(Event::StepFailed { step: STATISTICS_STEP, summary });
        }
    }
}
