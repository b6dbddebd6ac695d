//! The load itself.

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
    /// Members of JSON that went because nothing names them.
    pub dropped_members: Vec<DroppedMember>,
    /// What was skipped or done differently, for the user.
    pub notes: Vec<String>,
    /// What could not be built, and the database is whole without.
    pub unbuilt: Vec<Unbuilt>,
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

/// Everything that is looked at before the first change: the session that holds the lock for as
/// long as it is open, and what to load into.
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
        let text = format!("the extension {name} cannot be created in {place}; it is skipped");
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
            // A table that the plan does not know stops the load.
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
