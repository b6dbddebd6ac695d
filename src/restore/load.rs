//! Loads one archive into one empty database.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::activity::Activity;
use crate::adapters::postgres::{DatabaseUrl, Session};
use crate::archive::{ArchiveReader, DumpId};
use crate::events::{Event, SharedReporter};
use crate::schema::TableName;
use crate::scrub::{AuditCount, DroppedMember, ScrubPlan, Verdict};

use super::copy_pool::{CopyPool, Loaded};
use super::pre_data::PreData;
use super::prepared::LoadTarget;
use super::pump::{Pump, PumpReport, RowPolicy};
use super::session::SessionSettings;
use super::source::BackupSource;
use super::statements::{self, Deferred};
use super::unbuilt::Unbuilt;
use super::verify::{Inventory, verify};
use super::watchdog::ServerEnquiry;
use super::{
    RestoreError, RestorePlan, after, large_objects, late_audit, late_checks, post_data, pre_data,
    pump, row_counts,
};

/// What to load and how.
pub struct LoadOptions {
    pub target: LoadTarget,
    pub plan: Arc<RestorePlan>,
    /// `None` loads the rows unchanged.
    pub scrub: Option<Arc<ScrubPlan>>,
    /// What the audit counted in the definitions. A finding would have stopped the load.
    pub definitions: Vec<AuditCount>,
    pub excluded: BTreeSet<TableName>,
    pub with_large_objects: bool,
    /// The archive's length, if known.
    pub total_bytes: Option<u64>,
    /// Records what the load waits for. The watch over the load reads it.
    pub activity: Activity,
}

impl LoadOptions {
    fn excludes(&self, view: &TableName) -> bool {
        self.excluded.contains(view)
    }
}

/// What was loaded.
#[derive(Debug)]
pub struct LoadReport {
    pub tables: Vec<TableReport>,
    pub audit: Vec<AuditCount>,
    pub inventory: Inventory,
    pub archive_bytes: u64,
    /// JSON members that were dropped because no rule names them.
    pub dropped_members: Vec<DroppedMember>,
    /// What was skipped or done differently, to be shown to the user.
    pub notes: Vec<String>,
    /// Objects that were skipped because they need another skipped object.
    pub warnings: Vec<String>,
    /// Objects that could not be built. The database is complete without them.
    pub unbuilt: Vec<Unbuilt>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TableReport {
    pub table: TableName,
    /// Rows in the backup.
    #[serde(rename = "rows")]
    pub read: u64,
    /// Rows that were written, changed ones included.
    pub kept: u64,
    pub changed: u64,
    pub dropped: u64,
}

/// Reads the archive to its end and builds the whole database. After an error the database is
/// useless and must be dropped. A watch reports what takes long, and ends a load that can never
/// continue.
pub async fn load<R: Read + Send + 'static>(
    reader: ArchiveReader<R>,
    source: Arc<dyn BackupSource + Sync>,
    options: LoadOptions,
    reporter: SharedReporter,
) -> Result<LoadReport, RestoreError> {
    let archive = reader.header().server_version.as_deref().and_then(major_version);
    let url = options.target.url.clone();
    let activity = options.activity.clone();
    let enquiry = ServerEnquiry::new(url.clone());
    let loaded = tokio::select! {
        loaded = load_all(reader, source, options, reporter.clone()) => loaded,
        stall = activity.watch(&reporter, enquiry) => Err(RestoreError::Stalled(stall)),
    };
    match loaded {
        Err(error) if error.is_of_a_statement() => {
            let server = server_version(&url).await;
            Err(error.with_versions(archive, server))
        }
        result => result,
    }
}

/// The `17` of `17.10 (Debian 17.10-1)`, or the `9` of an older server's `9.6.24`.
fn major_version(version: &str) -> Option<u32> {
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Asks on a new session, because that of the load may be gone.
async fn server_version(url: &DatabaseUrl) -> Option<u32> {
    let session = crate::adapters::postgres::connect(url).await.ok()?;
    let asked = session.query_one("SHOW server_version", &[]).await;
    session.close().await;
    major_version(asked.ok()?.get(0))
}

async fn load_all<R: Read + Send + 'static>(
    reader: ArchiveReader<R>,
    source: Arc<dyn BackupSource + Sync>,
    options: LoadOptions,
    reporter: SharedReporter,
) -> Result<LoadReport, RestoreError> {
    let (target, activity) = (&options.target, &options.activity);
    let session = crate::adapters::postgres::connect(&target.url).await?;
    let settings =
        SessionSettings::for_archive(&session, reader.toc(), target.lock_timeout).await?;
    session.close().await;
    let session = settings.open(&target.url).await?;

    reporter.emit(Event::StepStarted {
        step: "schema",
        description: format!("Creating {} tables", reader.toc().table_data().count()),
    });
    let creating = activity.statement("creating the schema", session.number());
    let PreData { mut notes, deferred } =
        pre_data::run(&session, &options.plan, &target.extensions).await?;
    let checks = late_checks::take_off(&session).await?;
    drop(creating);
    reporter.emit(Event::StepFinished { step: "schema", summary: "Created the schema".to_owned() });
    notes.extend(skipped(&options.plan));

    let (mut rows, more_deferred) = stream(reader, source, &options, &settings, &reporter).await?;
    let description = "Refreshing views and checking the database".to_owned();
    reporter.emit(Event::StepStarted { step: "verify", description });
    let finishing =
        activity.statement("refreshing views and checking the database", session.number());
    late_checks::put_back(&session, &options.plan, &checks).await?;
    let deferred = deferred.into_iter().chain(more_deferred).collect();
    let unbuilt = finish(&session, &options, deferred).await?;
    if target.count_rows {
        row_counts::compare(&session, &rows).await?;
    }
    if let Some(scrub) = &options.scrub {
        let written = after::run(&session, scrub).await?;
        let in_flight = std::mem::take(&mut rows.audit);
        let (url, plan) = (&target.url, &options.plan);
        rows.audit = late_audit::audit(url, plan, scrub, &written, in_flight, &reporter).await?;
        rows.audit.extend(options.definitions.iter().cloned());
    }
    let inventory = verify(&session, &options.plan, &unbuilt).await?;
    drop(finishing);
    session.close().await;
    let summary = format!(
        "Found {} tables, {} indexes and {} foreign keys",
        inventory.tables, inventory.indexes, inventory.foreign_keys
    );
    reporter.emit(Event::StepFinished { step: "verify", summary });
    let warnings = options.plan.omissions.warnings(&options.plan.toc);
    Ok(LoadReport { unbuilt, warnings, ..report(rows, inventory, notes) })
}

/// The kinds of objects that were skipped. Grants are skipped in every load, so they are not
/// mentioned.
fn skipped(plan: &RestorePlan) -> impl Iterator<Item = String> {
    let kinds = plan.omissions.kinds.iter().filter(|(kind, _)| **kind != "grants");
    kinds.map(|(kind, count)| format!("skipped: {kind} ({count})"))
}

/// Fills the materialized views, and tries failed statements again now that all other objects
/// exist.
async fn finish(
    session: &Session,
    options: &LoadOptions,
    mut deferred: Vec<Deferred>,
) -> Result<Vec<Unbuilt>, RestoreError> {
    let plan = &options.plan;
    // Create a view that failed earlier before it is filled.
    deferred = statements::try_again(session, plan, deferred).await?;
    for index in plan.refreshes.iter().copied() {
        let excluded = plan.entry(index).is_some_and(|one| options.excludes(&one.table_name()));
        if !excluded {
            deferred.extend(statements::execute(session, plan, index).await?);
        }
    }
    let failed = statements::try_again(session, plan, deferred).await?;
    statements::unbuilt(plan, failed)
}

/// Loads the rows, and builds indexes, keys and triggers on them at the same time.
async fn stream<R: Read + Send + 'static>(
    reader: ArchiveReader<R>,
    source: Arc<dyn BackupSource + Sync>,
    options: &LoadOptions,
    settings: &SessionSettings,
    reporter: &SharedReporter,
) -> Result<(PumpReport, Vec<Deferred>), RestoreError> {
    let stopped_by_audit = Arc::new(AtomicBool::new(false));
    // Functions of generated columns and domains need the search path of the site's own sessions.
    let rows_settings = settings.with(&options.plan.site_path.set());
    let (loaded, loaded_blocks) = mpsc::unbounded_channel();
    let (pool, mut copies) = CopyPool::start(
        &options.target.url,
        &rows_settings,
        options.target.jobs,
        loaded.clone(),
        &options.activity,
    )
    .await?;
    let (parts, part_receiver) = mpsc::channel(large_objects::QUEUE);
    if options.with_large_objects && options.plan.toc.has_large_objects() {
        let session = settings.open(&options.target.url).await?;
        copies.spawn(large_objects::write(session, part_receiver, options.activity.clone()));
    } else {
        drop(part_receiver);
    }
    reporter.emit(Event::StepStarted { step: pump::STEP, description: "Loading rows".to_owned() });
    reporter.emit(Event::StepStarted {
        step: post_data::STEP,
        description: format!(
            "Building {} indexes, keys and triggers",
            options.plan.post_data.len()
        ),
    });
    let pump = Pump {
        policy: RowPolicy {
            scrub: options.scrub.clone(),
            excluded: options.excluded.clone(),
            with_large_objects: options.with_large_objects,
        },
        pool,
        loaded,
        large_objects: parts,
        source,
        total_bytes: options.total_bytes,
        reporter: reporter.clone(),
        activity: options.activity.clone(),
        stopped_by_audit: stopped_by_audit.clone(),
    };
    let pumped = Pumping::start(pump, reader);
    let built = post_data::run(
        options.plan.clone(),
        &options.target.url,
        settings,
        options.target.jobs,
        loaded_blocks,
        &options.activity,
        reporter.clone(),
    );
    let rows = async {
        let report = pumped.result().await?;
        let (tables, size) = (report.tables.len(), report.archive_bytes);
        let summary = format!("Read the rows of {tables} tables ({})", crate::words::bytes(size));
        reporter.emit(Event::StepFinished { step: pump::STEP, summary });
        Ok(report)
    };
    let outcome = tokio::try_join!(join_all(&mut copies), rows, built);
    match outcome {
        Ok(((), report, built)) => {
            check_row_counts(&report, &built.loaded, options)?;
            let count = options.plan.post_data.len();
            let summary = format!("Built {count} indexes, keys and triggers");
            reporter.emit(Event::StepFinished { step: post_data::STEP, summary });
            Ok((report, built.deferred))
        }
        Err(error) => Err(cause(error, &pumped, &mut copies, &stopped_by_audit).await),
    }
}

/// How long a part of the loader may take to end once another part has failed.
const ENDING: Duration = Duration::from_secs(5);

/// Finds out why a load failed. A part whose neighbour is gone reports only that. After the audit
/// has stopped the sending, every other part fails because it gets no rows.
async fn cause(
    error: RestoreError,
    pumped: &Pumping,
    copies: &mut JoinSet<Result<(), RestoreError>>,
    stopped_by_audit: &AtomicBool,
) -> RestoreError {
    let is_echo = |error: &RestoreError| {
        matches!(error, RestoreError::PartEnded | RestoreError::Incomplete(_))
    };
    if matches!(error, RestoreError::PersonalData { .. } | RestoreError::NeedsOmitted { .. }) {
        return error;
    }
    if stopped_by_audit.load(Ordering::SeqCst) {
        // The list of findings is complete only after the archive has been read to its end.
        return pumped.result().await.err().unwrap_or(error);
    }
    if !is_echo(&error) {
        return error;
    }
    if let Ok(Err(reason)) = tokio::time::timeout(ENDING, pumped.result()).await
        && !is_echo(&reason)
    {
        return reason;
    }
    match tokio::time::timeout(ENDING, join_all(copies)).await {
        Ok(Err(reason)) => reason,
        _ => error,
    }
}

/// The thread that reads the archive, and its result.
///
/// Nothing waits for this plain thread when the load is dropped. It ends the next time it tries to
/// send something.
struct Pumping {
    outcome: Arc<Mutex<Option<PumpOutcome>>>,
    ended: watch::Receiver<bool>,
}

type PumpOutcome = (PumpReport, Result<(), RestoreError>);

impl Pumping {
    fn start<R: Read + Send + 'static>(pump: Pump, reader: ArchiveReader<R>) -> Pumping {
        let outcome = Arc::new(Mutex::new(None));
        let (sender, ended) = watch::channel(false);
        let slot = outcome.clone();
        std::thread::spawn(move || {
            let result = pump.run(reader);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            // Report the end before the pump is dropped. Its neighbours notice when it is gone, and
            // must find its reason here.
            sender.send_replace(true);
            drop(pump);
        });
        Pumping { outcome, ended }
    }

    /// Waits for the end. Findings of the audit come before any other error. The result can be
    /// taken once; a second call reports only that the part has ended.
    async fn result(&self) -> Result<PumpReport, RestoreError> {
        let mut ended = self.ended.clone();
        ended.wait_for(|ended| *ended).await.map_err(|_| RestoreError::PartEnded)?;
        let taken = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (report, result) = taken.ok_or(RestoreError::PartEnded)?;
        check_audit(&report)?;
        if !report.needy.is_empty() {
            return Err(RestoreError::NeedsOmitted { needy: report.needy });
        }
        result.map(|()| report)
    }
}

fn check_audit(report: &PumpReport) -> Result<(), RestoreError> {
    let findings: Vec<AuditCount> =
        report.audit.iter().filter(|count| count.verdict == Verdict::Finding).cloned().collect();
    if findings.is_empty() { Ok(()) } else { Err(RestoreError::PersonalData { findings }) }
}

async fn join_all(tasks: &mut JoinSet<Result<(), RestoreError>>) -> Result<(), RestoreError> {
    let mut ended = false;
    while let Some(result) = tasks.join_next().await {
        match result.map_err(|_| RestoreError::PartEnded)? {
            Err(RestoreError::PartEnded) => ended = true,
            other => other?,
        }
    }
    if ended { Err(RestoreError::PartEnded) } else { Ok(()) }
}

/// Checks for each table that the server counted as many rows as were sent.
fn check_row_counts(
    report: &PumpReport,
    blocks: &[Loaded],
    options: &LoadOptions,
) -> Result<(), RestoreError> {
    let counted: HashMap<DumpId, u64> =
        blocks.iter().map(|block| (block.block, block.rows)).collect();
    let ids: HashMap<TableName, DumpId> =
        options.plan.toc.table_data().map(|entry| (entry.table_name(), entry.id)).collect();
    for (table, counts) in &report.tables {
        let counted = ids.get(table).and_then(|id| counted.get(id)).copied().unwrap_or_default();
        if counted != counts.kept {
            return Err(RestoreError::RowCount {
                table: table.to_string(),
                sent: counts.kept,
                counted,
            });
        }
    }
    Ok(())
}

fn report(rows: PumpReport, inventory: Inventory, notes: Vec<String>) -> LoadReport {
    let tables = rows
        .tables
        .into_iter()
        .map(|(table, counts)| TableReport {
            table,
            read: counts.read,
            kept: counts.kept,
            changed: counts.changed,
            dropped: counts.dropped,
        })
        .collect();
    LoadReport {
        tables,
        audit: rows.audit,
        inventory,
        archive_bytes: rows.archive_bytes,
        dropped_members: rows.dropped_members,
        notes,
        warnings: Vec::new(),
        unbuilt: Vec::new(),
    }
}
