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
    /// `None` takes the rows as they are.
    pub scrub: Option<Arc<ScrubPlan>>,
    /// What the audit has seen in the definitions: no finding is among them.
    pub definitions: Vec<AuditCount>,
    pub excluded: BTreeSet<TableName>,
    pub with_large_objects: bool,
    /// The archive's length, where it is known.
    pub total_bytes: Option<u64>,
    /// What the load waits for, for the watch over it.
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
    /// Members of JSON that went because nothing names them.
    pub dropped_members: Vec<DroppedMember>,
    /// What was skipped or done differently, for the user.
    pub notes: Vec<String>,
    /// Objects that were skipped because of something else that was.
    pub warnings: Vec<String>,
    /// What could not be built, and the database is whole without.
    pub unbuilt: Vec<Unbuilt>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TableReport {
    pub table: TableName,
    /// Of the backup.
    #[serde(rename = "rows")]
    pub read: u64,
    /// Rows that were written, changed ones included.
    pub kept: u64,
    pub changed: u64,
    pub dropped: u64,
}

/// Reads the archive to its end and builds the whole database. On an error the database is
/// useless and has to be dropped. A watch over all of it says what takes long, and ends a load that
/// can never continue.
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

/// `17` of `17.10 (Debian 17.10-1)`, and of the `9.6.24` of older servers their 9.
fn major_version(version: &str) -> Option<u32> {
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Asked on a session of its own, as that of the load may be gone.
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
    reporter.emit(Event::StepFinished { step: "schema", summary: "Schema created".to_owned() });
    notes.extend(skipped(&options.plan));

    let (mut rows, more_deferred) = stream(reader, source, &options, &settings, &reporter).await?;
    let description = "Refreshing views and reading back what is there".to_owned();
    reporter.emit(Event::StepStarted { step: "verify", description });
    let finishing =
        activity.statement("refreshing views and checking what is there", session.number());
    late_checks::put_back(&session, &options.plan, &checks).await?;
    let deferred = deferred.into_iter().chain(more_deferred).collect();
    let unbuilt = finish(&session, &options, deferred).await?;
    if target.count_rows {
        row_counts::compare(&session, &rows).await?;
    }
    if let Some(scrub) = &options.scrub {
        let written = after::run(&session, scrub).await?;
        let audited = late_audit::audit(&target.url, &options.plan, scrub, &written, &reporter);
        rows.audit.extend(audited.await?);
        rows.audit.extend(options.definitions.iter().cloned());
    }
    let inventory = verify(&session, &options.plan, &unbuilt).await?;
    drop(finishing);
    session.close().await;
    let summary = format!(
        "{} tables, {} indexes and {} foreign keys are there",
        inventory.tables, inventory.indexes, inventory.foreign_keys
    );
    reporter.emit(Event::StepFinished { step: "verify", summary });
    let warnings = options.plan.omissions.warnings(&options.plan.toc);
    Ok(LoadReport { unbuilt, warnings, ..report(rows, inventory, notes) })
}

/// What was skipped for its kind. Grants are skipped in every copy, which needs no mention.
fn skipped(plan: &RestorePlan) -> impl Iterator<Item = String> {
    let kinds = plan.omissions.kinds.iter().filter(|(kind, _)| **kind != "grants");
    kinds.map(|(kind, count)| format!("skipped: {kind} ({count})"))
}

/// Fills the materialized views, and tries once more what failed: everything else is there now.
async fn finish(
    session: &Session,
    options: &LoadOptions,
    mut deferred: Vec<Deferred>,
) -> Result<Vec<Unbuilt>, RestoreError> {
    let plan = &options.plan;
    // A view that failed before is created before it is filled.
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

/// Rows and everything that is built on them, all at once.
async fn stream<R: Read + Send + 'static>(
    reader: ArchiveReader<R>,
    source: Arc<dyn BackupSource + Sync>,
    options: &LoadOptions,
    settings: &SessionSettings,
    reporter: &SharedReporter,
) -> Result<(PumpReport, Vec<Deferred>), RestoreError> {
    let stopped_by_audit = Arc::new(AtomicBool::new(false));
    // The functions of generated columns and domains find what the site's own sessions find.
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
        let summary = format!("Rows of {tables} tables read ({})", crate::words::bytes(size));
        reporter.emit(Event::StepFinished { step: pump::STEP, summary });
        Ok(report)
    };
    let outcome = tokio::try_join!(join_all(&mut copies), rows, built);
    match outcome {
        Ok(((), report, built)) => {
            check_row_counts(&report, &built.loaded, options)?;
            let count = options.plan.post_data.len();
            let summary = format!("{count} indexes, keys and triggers built");
            reporter.emit(Event::StepFinished { step: post_data::STEP, summary });
            Ok((report, built.deferred))
        }
        Err(error) => Err(cause(error, &pumped, &mut copies, &stopped_by_audit).await),
    }
}

/// How long a part may take to end once another one has failed.
const ENDING: Duration = Duration::from_secs(5);

/// Finds out why a load failed. A part that found its neighbour gone says only that, and after the
/// audit has stopped the sending, everything else fails for want of rows.
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
        // The list of findings is complete when the archive has been read to its end.
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

/// The thread that reads the archive, and what became of it.
///
/// It is a plain thread, which nothing waits for when the load is given up: it ends at its next
/// attempt to hand something on.
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
            // Told before the pump is dropped: its neighbours notice that it is gone, and must
            // find its reason here.
            sender.send_replace(true);
            drop(pump);
        });
        Pumping { outcome, ended }
    }

    /// Waits for the end. Findings of the audit come before any other error. What was taken once
    /// is gone, and asking again says only that the part has ended.
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

/// What was sent and what the server counted must be the same, table by table.
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
