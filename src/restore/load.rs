//! Loads one archive into one empty database.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::adapters::postgres::{DatabaseUrl, PostgresError, Session};
use crate::archive::{ArchiveReader, DumpId};
use crate::events::{Event, SharedReporter};
use crate::schema::TableName;
use crate::scrub::{AuditCount, ScrubPlan, Verdict};

use super::copy_pool::{CopyPool, Loaded};
use super::extensions::ExtensionPlan;
use super::pump::{Pump, PumpReport, RowPolicy};
use super::session::SessionSettings;
use super::source::BackupSource;
use super::verify::{Inventory, verify};
use super::{RestoreError, RestorePlan, large_objects, post_data, pre_data, pump};

/// What to load and how.
pub struct LoadOptions {
    /// An empty database, which this role owns.
    pub target: DatabaseUrl,
    pub plan: Arc<RestorePlan>,
    pub extensions: ExtensionPlan,
    /// `None` takes the rows as they are.
    pub scrub: Option<Arc<ScrubPlan>>,
    pub excluded: BTreeSet<TableName>,
    pub with_large_objects: bool,
    /// Sessions that copy, and as many that build indexes.
    pub jobs: usize,
    /// The archive's length, where it is known.
    pub total_bytes: Option<u64>,
}

/// What was loaded.
#[derive(Debug)]
pub struct LoadReport {
    pub tables: Vec<TableReport>,
    pub audit: Vec<AuditCount>,
    pub inventory: Inventory,
    pub archive_bytes: u64,
    /// What was left out or done differently, for the user.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct TableReport {
    pub table: TableName,
    pub read: u64,
    pub kept: u64,
    pub changed: u64,
    pub dropped: u64,
}

/// Reads the archive to its end and builds the whole database. On an error the database is
/// useless and has to be dropped.
pub async fn load<R: Read + Send + 'static>(
    reader: ArchiveReader<R>,
    source: Arc<dyn BackupSource + Sync>,
    options: LoadOptions,
    reporter: SharedReporter,
) -> Result<LoadReport, RestoreError> {
    let session = crate::adapters::postgres::connect(&options.target).await?;
    let settings = SessionSettings::for_archive(&session, reader.toc()).await?;
    session.close().await;
    let session = settings.open(&options.target).await?;

    reporter.emit(Event::StepStarted {
        step: "schema",
        description: format!("Creating {} tables", reader.toc().table_data().count()),
    });
    let mut notes = pre_data::run(&session, &options.plan, &options.extensions).await?;
    reporter.emit(Event::StepFinished { step: "schema", summary: "Schema created".to_owned() });
    notes.extend(left_out(&options.plan));

    let rows = stream(reader, source, &options, &settings, &reporter).await?;
    refresh(&session, &options.plan).await?;
    if let Some(scrub) = &options.scrub {
        run_after_statements(&session, scrub).await?;
    }
    let inventory = verify(&session, &options.plan).await?;
    session.close().await;
    Ok(report(rows, inventory, notes))
}

fn left_out(plan: &RestorePlan) -> impl Iterator<Item = String> {
    // Grants are left out of every copy, which needs no mention.
    plan.left_out
        .iter()
        .filter(|(kind, _)| **kind != "grants")
        .map(|(kind, count)| format!("left out: {kind} ({count})"))
}

/// Rows and everything that is built on them, all at once.
async fn stream<R: Read + Send + 'static>(
    reader: ArchiveReader<R>,
    source: Arc<dyn BackupSource + Sync>,
    options: &LoadOptions,
    settings: &SessionSettings,
    reporter: &SharedReporter,
) -> Result<PumpReport, RestoreError> {
    let stopped_by_audit = Arc::new(AtomicBool::new(false));
    let (loaded, loaded_blocks) = mpsc::unbounded_channel();
    let (pool, mut copies) =
        CopyPool::start(&options.target, settings, options.jobs, loaded.clone()).await?;
    let (parts, part_receiver) = mpsc::channel(large_objects::QUEUE);
    if options.with_large_objects && options.plan.toc.has_large_objects() {
        let session = settings.open(&options.target).await?;
        copies.spawn(large_objects::write(session, part_receiver));
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
        stopped_by_audit: stopped_by_audit.clone(),
    };
    let mut pumped = start_thread(pump, reader);
    let built = post_data::run(
        options.plan.clone(),
        &options.target,
        settings,
        options.jobs,
        loaded_blocks,
        reporter.clone(),
    );
    let rows = async {
        let report = (&mut pumped).await.map_err(|_| RestoreError::PartEnded)??;
        check_audit(&report)?;
        let (tables, size) = (report.tables.len(), report.archive_bytes);
        let summary = format!("Rows of {tables} tables read ({})", crate::ui::bytes(size));
        reporter.emit(Event::StepFinished { step: pump::STEP, summary });
        Ok(report)
    };
    let outcome = tokio::try_join!(join_all(&mut copies), rows, built);
    match outcome {
        // What was not sent makes other parts fail, and that is not the news.
        Err(error)
            if stopped_by_audit.load(Ordering::SeqCst)
                && !matches!(error, RestoreError::PersonalData { .. }) =>
        {
            let report = pumped.await.map_err(|_| error)??;
            check_audit(&report)?;
            Err(RestoreError::PartEnded)
        }
        Ok(((), report, blocks)) => {
            check_row_counts(&report, &blocks, options)?;
            reporter.emit(Event::StepFinished {
                step: post_data::STEP,
                summary: format!(
                    "{} indexes, keys and triggers built",
                    options.plan.post_data.len()
                ),
            });
            Ok(report)
        }
        // A part that found its neighbour gone says only that: the neighbour knows why.
        Err(RestoreError::PartEnded) => {
            join_all(&mut copies).await?;
            Err(RestoreError::PartEnded)
        }
        Err(error) => Err(error),
    }
}

fn check_audit(report: &PumpReport) -> Result<(), RestoreError> {
    let findings: Vec<AuditCount> =
        report.audit.iter().filter(|count| count.verdict == Verdict::Finding).cloned().collect();
    if findings.is_empty() { Ok(()) } else { Err(RestoreError::PersonalData { findings }) }
}

/// A plain thread, which nothing waits for when the load is given up: it ends at its next attempt
/// to hand something on.
fn start_thread<R: Read + Send + 'static>(
    pump: Pump,
    reader: ArchiveReader<R>,
) -> oneshot::Receiver<Result<PumpReport, RestoreError>> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        // Nobody receives only if the load was given up.
        let _ = sender.send(pump.run(reader));
    });
    receiver
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

async fn refresh(session: &Session, plan: &RestorePlan) -> Result<(), RestoreError> {
    for entry in plan.refreshes.iter().filter_map(|index| plan.entry(*index)) {
        let sql = entry.definition.as_deref().unwrap_or_default();
        session.batch_execute(sql).await.map_err(|error| RestoreError::Statement {
            entry: entry.describe(),
            source: PostgresError::Server(error),
        })?;
    }
    Ok(())
}

/// Statements of the manifest name tables without their schema.
async fn run_after_statements(session: &Session, scrub: &ScrubPlan) -> Result<(), RestoreError> {
    session.batch_execute("SET search_path = public").await?;
    for statement in scrub.after_statements() {
        session.batch_execute(statement).await.map_err(|error| RestoreError::After {
            statement: statement.to_owned(),
            source: PostgresError::Server(error),
        })?;
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
    LoadReport { tables, audit: rows.audit, inventory, archive_bytes: rows.archive_bytes, notes }
}
