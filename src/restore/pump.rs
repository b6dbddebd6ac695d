//! Reads the archive on its own thread, scrubs and audits the rows, and sends them on in batches.
//!
//! It is a plain thread because decompression uses the CPU instead of waiting. Its output goes
//! through bounded queues, so it is never more than a few megabytes ahead of the server.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::activity::Activity;
use crate::archive::{
    ArchiveReader, Block, CopyStatement, DetachedTableData, Header, LargeObjectsBlock, TableBlock,
    TocEntry,
};
use crate::events::{Event, Progress, SharedReporter, Unit};
use crate::schema::TableName;
use crate::scrub::{
    AuditCount, BATCH, DroppedMember, Framer, KeySets, NeedyRows, RowCounts, RowPipeline,
    ScrubError, ScrubPlan, TableAction,
};

use super::RestoreError;
use super::copy_pool::{CopyPool, Loaded, TableSender};
use super::large_objects::Part;
use super::source::BackupSource;

pub const STEP: &str = "rows";

/// Blocks that must wait for later ones are kept in memory, compressed, up to this total size.
/// Larger ones are read from the source a second time.
const HELD_IN_MEMORY: usize = 16 << 20;

const LARGE_OBJECT_PART: usize = 64 << 10;

/// How often progress is reported.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// How rows are treated.
pub struct RowPolicy {
    /// `None` loads the rows unchanged.
    pub scrub: Option<Arc<ScrubPlan>>,
    /// Tables whose rows the user has excluded.
    pub excluded: BTreeSet<TableName>,
    pub with_large_objects: bool,
}

/// What the pump has read.
#[derive(Debug, Default)]
pub struct PumpReport {
    /// The tables with their row counts, in the archive's order.
    pub tables: Vec<(TableName, RowCounts)>,
    pub audit: Vec<AuditCount>,
    /// Rows that need rows of unclassified tables, which are not loaded.
    pub needy: Vec<NeedyRows>,
    /// JSON members that were dropped because no rule names them.
    pub dropped_members: Vec<DroppedMember>,
    pub archive_bytes: u64,
}

pub struct Pump {
    pub policy: RowPolicy,
    pub pool: CopyPool,
    pub loaded: mpsc::UnboundedSender<Loaded>,
    pub large_objects: mpsc::Sender<Part>,
    pub source: Arc<dyn BackupSource + Sync>,
    pub total_bytes: Option<u64>,
    pub reporter: SharedReporter,
    pub activity: Activity,
    /// Set as soon as the audit finds something, or a row needs a row that is not loaded. From then
    /// on nothing is sent, and the rest of the archive is read only to complete the list of
    /// findings.
    pub stopped_by_audit: Arc<AtomicBool>,
}

impl Pump {
    /// Reads the archive to its end. After an error the report covers what was read until then, so
    /// that the audit's findings are not lost.
    pub fn run<R: Read>(
        &self,
        mut reader: ArchiveReader<R>,
    ) -> (PumpReport, Result<(), RestoreError>) {
        let mut run = Run {
            pump: self,
            report: PumpReport::default(),
            keys: KeySets::default(),
            held: HashMap::new(),
            held_bytes: 0,
            last_report: Instant::now(),
        };
        let result = run.read_all(&mut reader);
        (run.report, result)
    }
}

struct Run<'a> {
    pump: &'a Pump,
    report: PumpReport,
    keys: KeySets,
    held: HashMap<TableName, Vec<HeldBlock>>,
    held_bytes: usize,
    last_report: Instant,
}

struct HeldBlock {
    id: crate::archive::DumpId,
    data: HeldData,
}

enum HeldData {
    Compressed(Vec<u8>),
    /// Only at the source, from this offset.
    AtSource {
        start: u64,
    },
}

/// A source of one table's rows, in portions.
trait RowSource {
    fn read_rows(&mut self, out: &mut Vec<u8>) -> Result<usize, RestoreError>;
    /// How far the archive has been read, to report progress.
    fn position(&self) -> Option<u64>;
}

impl<R: Read> RowSource for TableBlock<'_, R> {
    fn read_rows(&mut self, out: &mut Vec<u8>) -> Result<usize, RestoreError> {
        Ok(self.read_into(out, BATCH)?)
    }

    fn position(&self) -> Option<u64> {
        Some(TableBlock::position(self))
    }
}

impl<R: Read> RowSource for DetachedTableData<R> {
    fn read_rows(&mut self, out: &mut Vec<u8>) -> Result<usize, RestoreError> {
        Ok(self.read_into(out, BATCH)?)
    }

    fn position(&self) -> Option<u64> {
        None
    }
}

impl Run<'_> {
    fn read_all<R: Read>(&mut self, reader: &mut ArchiveReader<R>) -> Result<(), RestoreError> {
        let header = reader.header().clone();
        let toc = reader.toc().clone();
        while let Some(block) = reader.next_block()? {
            match block {
                Block::Table(block) => self.table_block(block)?,
                Block::LargeObjects(block) => self.large_objects_block(block)?,
            }
        }
        self.report.archive_bytes = reader.position();
        if let Some(scrub) = &self.pump.policy.scrub {
            for table in scrub.held_tables() {
                for block in self.held.remove(table).unwrap_or_default() {
                    let entry = toc.get(block.id).ok_or(RestoreError::PartEnded)?;
                    self.held_block(&header, entry, block)?;
                }
            }
        }
        Ok(())
    }

    fn table_block<R: Read>(&mut self, block: TableBlock<'_, R>) -> Result<(), RestoreError> {
        let entry = block.entry();
        let table = entry.table_name();
        match self.action(&table)? {
            TableAction::Held => self.hold(table, block),
            TableAction::Delete => self.drop_rows(table, entry, block),
            action => self.pass(table, entry, action, block),
        }
    }

    fn action(&self, table: &TableName) -> Result<TableAction, RestoreError> {
        if self.pump.policy.excluded.contains(table) {
            return Ok(TableAction::Delete);
        }
        match &self.pump.policy.scrub {
            None => Ok(TableAction::Keep),
            // A table that is missing from the plan was never checked, so none of its rows may
            // pass.
            Some(scrub) => scrub
                .table(table)
                .map(|plan| plan.action)
                .ok_or_else(|| ScrubError::UnknownTable { table: table.clone() }.into()),
        }
    }

    /// Reads the rows only to count them. That checks the block and gives the user the number.
    fn drop_rows(
        &mut self,
        table: TableName,
        entry: &TocEntry,
        mut rows: impl RowSource,
    ) -> Result<(), RestoreError> {
        let mut counts = RowCounts::default();
        let mut buffer = Vec::with_capacity(BATCH);
        while rows.read_rows(&mut buffer)? > 0 {
            self.pump.activity.moved(buffer.len());
            let lines = memchr::memchr_iter(b'\n', &buffer).count() as u64;
            counts.read += lines;
            counts.dropped += lines;
            buffer.clear();
            self.report_progress(&table, rows.position());
        }
        self.finish_empty(entry);
        self.report.tables.push((table, counts));
        Ok(())
    }

    fn finish_empty(&self, entry: &TocEntry) {
        // The scheduler is gone only if the load has failed elsewhere.
        let _ = self.pump.loaded.send(Loaded { block: entry.id, size: 0, rows: 0 });
    }

    /// Sends a table's rows to the database, rewritten if the plan says so.
    fn pass(
        &mut self,
        table: TableName,
        entry: &TocEntry,
        action: TableAction,
        rows: impl RowSource,
    ) -> Result<(), RestoreError> {
        let statement = CopyStatement::of(entry)?
            .ok_or_else(|| RestoreError::InsertStyle { table: table.to_string() })?;
        let plan = self.pump.policy.scrub.as_deref();
        let mut pipeline = RowPipeline::new(plan, &table, &statement.columns, action, &self.keys)?;
        // On a developer's machine a published number is replaced. On staging someone has to
        // decide.
        if plan.is_some_and(|plan| plan.policy() == "local") {
            pipeline = pipeline.replacing_published_numbers();
        }
        let mut target = statement.clone();
        if let Some(plan) = plan {
            target.columns = plan.loaded_columns(&table, &statement.columns);
        }
        let result = self.send_rows(&table, entry, &target, rows, &mut pipeline);
        let passed = pipeline.finish(&mut self.keys);
        self.report.audit.extend(passed.audit);
        self.report.needy.extend(passed.needy);
        self.report.dropped_members.extend(passed.dropped_members);
        self.report.tables.push((table, passed.counts));
        result
    }

    fn send_rows(
        &mut self,
        table: &TableName,
        entry: &TocEntry,
        statement: &CopyStatement,
        mut rows: impl RowSource,
        pipeline: &mut RowPipeline,
    ) -> Result<(), RestoreError> {
        let stopped_by_audit = &self.pump.stopped_by_audit;
        let mut sender: Option<TableSender> = None;
        let mut framer = Framer::new(table);
        let activity = &self.pump.activity;
        let working: Arc<str> = format!("checking rows of {table}").into();
        while let count @ 1.. = rows.read_rows(framer.buffer())? {
            activity.moved(count);
            self.report_progress(table, rows.position());
            let Some(batch) = framer.complete_rows()? else { continue };
            // A row of hundreds of megabytes can take long.
            let at_work = activity.begin(working.clone());
            let batch = pipeline.process(batch)?;
            drop(at_work);
            if pipeline.found_personal_data() || pipeline.found_need() {
                stopped_by_audit.store(true, Ordering::SeqCst);
            }
            if batch.is_empty() || stopped_by_audit.load(Ordering::SeqCst) {
                continue;
            }
            let sender = match &mut sender {
                Some(sender) => sender,
                none => none.insert(self.pump.pool.begin(
                    entry.id,
                    &table.to_string(),
                    statement.to_sql(),
                )?),
            };
            sender.send(Bytes::from(batch))?;
        }
        framer.check_empty()?;
        match sender {
            Some(sender) => sender.finish(),
            None => self.finish_empty(entry),
        }
        Ok(())
    }

    fn hold<R: Read>(
        &mut self,
        table: TableName,
        block: TableBlock<'_, R>,
    ) -> Result<(), RestoreError> {
        let (id, start) = (block.entry().id, block.payload_position());
        let mut compressed = Vec::new();
        let mut length = 0;
        let room = HELD_IN_MEMORY - self.held_bytes;
        block.copy_raw(&mut |piece| {
            self.pump.activity.moved(piece.len());
            length += piece.len();
            if length <= room {
                compressed.extend_from_slice(piece);
            }
            Ok(())
        })?;
        let data = if length <= room {
            self.held_bytes += length;
            HeldData::Compressed(compressed)
        } else {
            HeldData::AtSource { start }
        };
        self.held.entry(table).or_default().push(HeldBlock { id, data });
        Ok(())
    }

    fn held_block(
        &mut self,
        header: &Header,
        entry: &TocEntry,
        block: HeldBlock,
    ) -> Result<(), RestoreError> {
        let table = entry.table_name();
        match block.data {
            HeldData::Compressed(bytes) => {
                let rows = DetachedTableData::from_raw_chunks(header, entry, bytes.as_slice())?;
                self.pass(table, entry, TableAction::Rewrite, rows)
            }
            HeldData::AtSource { start } => {
                let again = self.pump.source.read_again(start, self.report.archive_bytes);
                let source = again
                    .ok_or_else(|| RestoreError::CannotLookBack { table: table.to_string() })?
                    .map_err(RestoreError::Source)?;
                let rows = DetachedTableData::from_archive(header, entry, start, source)?;
                self.pass(table, entry, TableAction::Rewrite, rows)
            }
        }
    }

    fn large_objects_block<R: Read>(
        &mut self,
        mut block: LargeObjectsBlock<'_, R>,
    ) -> Result<(), RestoreError> {
        if !self.pump.policy.with_large_objects {
            return Ok(());
        }
        while let Some(oid) = block.next_object()? {
            let mut offset = 0;
            loop {
                let mut bytes = Vec::with_capacity(LARGE_OBJECT_PART);
                if block.read_into(&mut bytes, LARGE_OBJECT_PART)? == 0 {
                    break;
                }
                let length = bytes.len() as i64;
                let part = Part { oid, offset, bytes };
                let waits = "the reader of the backup waits for the session for large objects";
                let _waits = self.pump.activity.waiting(waits);
                self.pump.large_objects.blocking_send(part).map_err(|_| RestoreError::PartEnded)?;
                offset += length;
            }
        }
        Ok(())
    }

    fn report_progress(&mut self, table: &TableName, position: Option<u64>) {
        let Some(done) = position else { return };
        if self.last_report.elapsed() < REPORT_EVERY {
            return;
        }
        self.last_report = Instant::now();
        let (total, current) = (self.pump.total_bytes, table.short());
        let progress = Progress { done, total, unit: Unit::Bytes, current };
        self.pump.reporter.emit(Event::StepProgress { step: STEP, progress });
    }
}
