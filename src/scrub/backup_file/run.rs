//! Reads the archive block by block and passes on what is to be written.

use std::io::Read;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::audited_chunks::AuditedChunks;
use super::early_keys::EarlyKeys;
use super::sending::{Piece, Sender};
use super::waiting::Waiting;
use super::{BackupFileError, Report, Watch};
use crate::archive::{
    ArchiveError, ArchiveReader, Block, CopyStatement, DetachedTableData, LargeObjectsBlock,
    TableBlock, TocEntry,
};
use crate::events::{Event, Progress, Unit};
use crate::schema::TableName;
use crate::scrub::{
    BATCH, Framer, KeySets, LargeObjects, RowCounts, RowPipeline, ScrubError, ScrubPlan,
    TableAction, TablePlan,
};

/// The step in progress reports.
pub const STEP: &str = "rewrite";

/// How often progress is reported.
const REPORT_EVERY: Duration = Duration::from_millis(100);

pub(super) struct Run<'a> {
    plan: &'a ScrubPlan,
    watch: &'a Watch,
    sender: Sender,
    early: EarlyKeys,
    waiting: Waiting,
    total_bytes: Option<u64>,
    /// Whether tables without a rule are compressed here instead of copied.
    compress: bool,
    report: Report,
    last_report: Instant,
}

/// A table's rows, decompressed, together with their compressed bytes.
trait Rows {
    fn read_rows(&mut self, out: &mut Vec<u8>) -> Result<usize, ArchiveError>;
    fn record(&mut self);
    fn take_recorded(&mut self, out: &mut Vec<u8>);
    /// How far the archive has been read, for progress.
    fn position(&self) -> Option<u64>;
}

impl<R: Read> Rows for TableBlock<'_, R> {
    fn read_rows(&mut self, out: &mut Vec<u8>) -> Result<usize, ArchiveError> {
        self.read_into(out, BATCH)
    }

    fn record(&mut self) {
        TableBlock::record(self);
    }

    fn take_recorded(&mut self, out: &mut Vec<u8>) {
        TableBlock::take_recorded(self, out);
    }

    fn position(&self) -> Option<u64> {
        Some(TableBlock::position(self))
    }
}

impl<R: Read> Rows for DetachedTableData<R> {
    fn read_rows(&mut self, out: &mut Vec<u8>) -> Result<usize, ArchiveError> {
        self.read_into(out, BATCH)
    }

    fn record(&mut self) {
        DetachedTableData::record(self);
    }

    fn take_recorded(&mut self, out: &mut Vec<u8>) {
        DetachedTableData::take_recorded(self, out);
    }

    fn position(&self) -> Option<u64> {
        None
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(
        plan: &'a ScrubPlan,
        watch: &'a Watch,
        sender: Sender,
        early: EarlyKeys,
        total_bytes: Option<u64>,
        compress: bool,
    ) -> Self {
        let (waiting, report) = (Waiting::default(), Report::default());
        let last_report = Instant::now();
        Run { plan, watch, sender, early, waiting, total_bytes, compress, report, last_report }
    }

    /// The report so far, and the sender. The queue closes when the sender is dropped.
    pub(super) fn end(self) -> (Report, Sender) {
        (self.report, self.sender)
    }

    pub(super) fn read_all<R: Read>(
        &mut self,
        reader: &mut ArchiveReader<R>,
    ) -> Result<(), BackupFileError> {
        if !self.early.complete {
            self.waiting = Waiting::new(self.plan, reader.toc());
        }
        while let Some(block) = reader.next_block()? {
            self.check_interrupt()?;
            match block {
                Block::Table(block) => self.block(block)?,
                Block::LargeObjects(block) => self.large_objects(block)?,
            }
            if self.waiting.has_begun() && self.waiting.all_keys_have_come() {
                self.release(reader)?;
            }
        }
        Ok(())
    }

    fn block<R: Read>(&mut self, block: TableBlock<'_, R>) -> Result<(), BackupFileError> {
        let entry = block.entry();
        let table = entry.table_name();
        let held = self.table_plan(&table)?.action == TableAction::Held;
        if self.waiting.has_begun() || (held && !self.waiting.all_keys_have_come()) {
            return self.waiting.add(block);
        }
        self.table(entry, block)?;
        self.waiting.came_by(&table);
        Ok(())
    }

    /// Processes the waiting blocks in their order, once the keys that they need are known.
    fn release<R: Read>(&mut self, reader: &ArchiveReader<R>) -> Result<(), BackupFileError> {
        let (header, toc) = (reader.header(), reader.toc());
        for table in self.plan.tables_sought_by_held() {
            let found = self.waiting.blocks.iter().find(|block| block.table == *table);
            if let Some(block) = found
                && let Some(entry) = toc.get(block.id)
            {
                let bytes = block.framed.as_slice();
                self.early.add(self.plan, header, entry, block.position, bytes)?;
            }
        }
        while let Some(block) = self.waiting.blocks.pop_front() {
            let Some(entry) = toc.get(block.id) else { continue };
            let bytes = block.framed.as_slice();
            let rows = DetachedTableData::from_archive(header, entry, block.position, bytes)?;
            self.table(entry, rows)?;
        }
        Ok(())
    }

    /// Refuses a table that the plan does not know: it was not judged, so none of its rows may
    /// pass.
    fn table_plan(&self, table: &TableName) -> Result<&'a TablePlan, ScrubError> {
        self.plan.table(table).ok_or_else(|| ScrubError::UnknownTable { table: table.clone() })
    }

    fn table(&mut self, entry: &TocEntry, rows: impl Rows) -> Result<(), BackupFileError> {
        let table = entry.table_name();
        let plan = self.table_plan(&table)?;
        if plan.action == TableAction::Delete {
            return self.drop_rows(table, entry, rows);
        }
        let columns = CopyStatement::of(entry)?.map(|copy| copy.columns).unwrap_or_default();
        let keys = &self.early.keys;
        let pipeline = RowPipeline::new(Some(self.plan), &table, &columns, plan.action, keys)?;
        // A file is kept and passed on without another audit, so this audit is thorough.
        let mut pipeline = pipeline.thorough(self.plan, &table, &columns)?;
        let result = match plan.changes_rows() || self.compress {
            true => self.write_rows(&table, entry, rows, &mut pipeline),
            false => self.copy_raw(&table, entry, rows, &mut pipeline),
        };
        let mut known_already = KeySets::default();
        let keys = match self.early.collected.contains(&table) {
            true => &mut known_already,
            false => &mut self.early.keys,
        };
        let passed = pipeline.finish(keys);
        self.report.audit.extend(passed.audit);
        self.report.dropped_members.extend(passed.dropped_members);
        self.report.tables.push((table, passed.counts));
        result
    }

    /// Reads the rows only to count them, which checks the block, and writes an empty table.
    fn drop_rows(
        &mut self,
        table: TableName,
        entry: &TocEntry,
        mut rows: impl Rows,
    ) -> Result<(), BackupFileError> {
        let mut counts = RowCounts::default();
        let mut buffer = Vec::with_capacity(BATCH);
        while rows.read_rows(&mut buffer)? > 0 {
            self.between_portions(&table, rows.position())?;
            let lines = memchr::memchr_iter(b'\n', &buffer).count() as u64;
            counts.read += lines;
            counts.dropped += lines;
            buffer.clear();
        }
        self.sender.send(Piece::BeginRows(entry.id))?;
        self.sender.send(Piece::EndRows)?;
        self.report.tables.push((table, counts));
        Ok(())
    }

    fn write_rows(
        &mut self,
        table: &TableName,
        entry: &TocEntry,
        mut rows: impl Rows,
        pipeline: &mut RowPipeline,
    ) -> Result<(), BackupFileError> {
        self.sender.send(Piece::BeginRows(entry.id))?;
        let mut framer = Framer::new(table);
        while rows.read_rows(framer.buffer())? > 0 {
            self.between_portions(table, rows.position())?;
            let Some(batch) = framer.complete_rows()? else { continue };
            let batch = self.audited(pipeline, batch)?;
            self.sender.send(Piece::Rows(batch))?;
        }
        framer.check_empty()?;
        self.sender.send(Piece::EndRows)
    }

    fn copy_raw(
        &mut self,
        table: &TableName,
        entry: &TocEntry,
        mut rows: impl Rows,
        pipeline: &mut RowPipeline,
    ) -> Result<(), BackupFileError> {
        self.sender.send(Piece::BeginRawRows(entry.id))?;
        let mut framer = Framer::new(table);
        let mut trail = AuditedChunks::default();
        rows.record();
        loop {
            let count = rows.read_rows(framer.buffer())?;
            let mut recorded = Vec::new();
            rows.take_recorded(&mut recorded);
            trail.step(recorded, count);
            if count == 0 {
                break;
            }
            self.between_portions(table, rows.position())?;
            if let Some(batch) = framer.complete_rows()? {
                trail.audited(self.audited(pipeline, batch)?.len());
            }
            while let Some(chunks) = trail.next() {
                self.sender.send(Piece::Raw(chunks))?;
            }
        }
        framer.check_empty()?;
        for chunks in trail.rest() {
            self.sender.send(Piece::Raw(chunks))?;
        }
        self.sender.send(Piece::EndRawRows)
    }

    /// The rows that remain. A finding stops all writing. The rest is still read, to complete the
    /// list of findings.
    fn audited(&self, pipeline: &mut RowPipeline, rows: Vec<u8>) -> Result<Vec<u8>, ScrubError> {
        let at_work = self.watch.activity.begin("checking rows");
        let rows = pipeline.process(rows)?;
        drop(at_work);
        self.watch.activity.moved(rows.len());
        if pipeline.found_personal_data() {
            self.sender.stop();
        }
        Ok(rows)
    }

    fn large_objects<R: Read>(
        &mut self,
        mut block: LargeObjectsBlock<'_, R>,
    ) -> Result<(), BackupFileError> {
        if self.plan.large_objects() != LargeObjects::Content {
            return Ok(());
        }
        // Only tables can wait, and pg_dump writes all tables before the large objects.
        if self.waiting.has_begun() {
            return Err(self.waiting.too_large(&block.entry().table_name()));
        }
        self.sender.send(Piece::BeginObjects(block.entry().id))?;
        block.record();
        let mut content = Vec::new();
        while let Some(oid) = block.next_object()? {
            self.sender.send(match self.compress {
                true => Piece::BeginObject(oid),
                false => Piece::BeginRawObject(oid),
            })?;
            loop {
                self.check_interrupt()?;
                content.clear();
                let count = block.read_into(&mut content, BATCH)?;
                let mut recorded = Vec::new();
                block.take_recorded(&mut recorded);
                self.sender.send(match self.compress {
                    true => Piece::ObjectBytes(content.clone()),
                    false => Piece::Raw(recorded),
                })?;
                if count == 0 {
                    break;
                }
            }
            self.sender.send(Piece::EndObject)?;
        }
        self.sender.send(Piece::EndObjects)
    }

    fn between_portions(
        &mut self,
        table: &TableName,
        position: Option<u64>,
    ) -> Result<(), BackupFileError> {
        self.check_interrupt()?;
        let Some(done) = position else { return Ok(()) };
        if self.last_report.elapsed() >= REPORT_EVERY {
            self.last_report = Instant::now();
            let (total, current) = (self.total_bytes, table.short());
            let progress = Progress { done, total, unit: Unit::Bytes, current };
            self.watch.reporter.emit(Event::StepProgress { step: STEP, progress });
        }
        Ok(())
    }

    fn check_interrupt(&self) -> Result<(), BackupFileError> {
        // Each portion is progress, even if its rows are only counted.
        self.watch.activity.moved(1);
        if self.watch.interrupted.load(Ordering::SeqCst) {
            self.sender.stop();
            return Err(BackupFileError::Interrupted);
        }
        Ok(())
    }
}
