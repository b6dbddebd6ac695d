//! Rewrites a backup file into another of the same version and compression, with rows dropped,
//! rewritten or kept as the plan says.
//!
//! Blocks keep their order, because pg_restore needs it to read from a pipe. Tables without a rule
//! are copied compressed, and decompressed for the audit alone. A second thread compresses and
//! writes.
//!
//! A table whose rule needs keys of later tables needs them before its turn. A file is read twice
//! for these keys. From standard input, the blocks up to the last needed table wait in memory,
//! compressed, up to a limit.

mod audited_chunks;
mod contents;
mod copy;
mod destination;
#[cfg(test)]
mod destination_test;
mod early_keys;
mod error;
mod run;
mod sample;
mod sending;
mod source;
#[cfg(test)]
mod tests;
mod waiting;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::activity::Activity;
use crate::archive::formats::{Converted, convert};
use crate::archive::{ArchiveReader, ArchiveWriter, Compression, read_schema};
use crate::events::{Event, SharedReporter};
use crate::schema::{Schema, TableName};

use super::blocks::check_blocks;
use super::findings::PlanError;
use super::tools::RowSamples;
use super::{
    AuditCount, DroppedMember, Manifest, RowCounts, ScrubPlan, Verdict, audit_definitions,
};
use contents::Contents;
use destination::{Destination, Sink};
use run::Run;
use source::Source;

pub use copy::copy;
pub use destination::discard_unfinished;
pub use error::BackupFileError;
pub use run::STEP;

/// Where the archive comes from.
pub enum Input {
    File(PathBuf),
    /// A source that can be read once, such as standard input.
    Stream(Box<dyn Read + Send>),
}

/// Where the rewritten archive goes.
pub enum Output {
    File {
        path: PathBuf,
        /// Whether a file of that name may be replaced.
        overwrite: bool,
    },
    /// Takes bytes once, such as standard output. Receives large portions and should not hold any
    /// back: after a finding of the audit, nothing more may be written.
    Stream(Box<dyn Write + Send>),
}

impl Output {
    /// Whether a file of that name can be written at all. Asked before any input is read.
    ///
    /// # Errors
    /// The name is taken and may not be replaced, or it is not a file.
    pub fn check(&self) -> Result<(), BackupFileError> {
        match self {
            Output::File { path, overwrite } => destination::check_name(path, *overwrite, None),
            Output::Stream(_) => Ok(()),
        }
    }
}

/// Receives the progress, and can stop the work.
pub struct Watch {
    pub reporter: SharedReporter,
    /// Checked between portions of rows. Once it is set, the work ends with
    /// [`BackupFileError::Interrupted`] and leaves no file.
    pub interrupted: Arc<AtomicBool>,
    /// Records what the work waits for.
    pub activity: Activity,
}

/// The result of a rewrite.
#[derive(Debug, Default)]
pub struct Report {
    /// In the archive's order.
    pub tables: Vec<(TableName, RowCounts)>,
    pub audit: Vec<AuditCount>,
    /// Members of JSON that were dropped because the manifest does not name them.
    pub dropped_members: Vec<DroppedMember>,
    pub bytes_read: u64,
    pub bytes_written: u64,
    /// The manifest's statements, which the written archive runs after its rows are restored.
    pub after_statements: Vec<String>,
    /// What was skipped, for the user.
    pub notes: Vec<String>,
}

/// A backup file whose table of contents was read.
pub struct BackupFile {
    source: Source,
    reader: ArchiveReader<Box<dyn Read + Send>>,
    schema: Schema,
    /// Compress the rows: several files were joined without compression.
    compress: bool,
}

impl BackupFile {
    /// Opens an archive. Refuses one whose rows cannot be scrubbed.
    pub fn open(input: Input) -> Result<BackupFile, BackupFileError> {
        BackupFile::open_on_account(input, &Activity::default())
    }

    /// The same, and records each read of the archive as activity.
    pub fn open_on_account(
        input: Input,
        activity: &Activity,
    ) -> Result<BackupFile, BackupFileError> {
        let what = match &input {
            Input::File(path) => format!("reading {}", path.display()),
            Input::Stream(_) => "reading the backup from its stream".to_owned(),
        };
        let (source, bytes) = Source::open(input)?;
        let bytes = Box::new(activity.watched(bytes, what));
        let Converted { bytes, assembled } = convert(bytes)?;
        let compress = assembled || source.is_assembled();
        let reader = ArchiveReader::open(bytes)?;
        let schema = read_schema(reader.toc())?;
        check_blocks(reader.toc(), &schema)?;
        Ok(BackupFile { source, reader, schema, compress })
    }

    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Fits a manifest to the database in the file.
    pub fn plan(&self, manifest: &Manifest, policy: &str) -> Result<ScrubPlan, PlanError> {
        let order: Vec<TableName> =
            self.reader.toc().table_data().map(|entry| entry.table_name()).collect();
        ScrubPlan::new(manifest, policy, &self.schema, &order)
    }

    /// Looks at the first rows of every table. Counts them and keeps none.
    pub fn sample(self) -> Result<RowSamples, BackupFileError> {
        sample::sample(self.reader)
    }

    /// Writes the rewritten archive. If that fails, no new file of the output's name exists. `plan`
    /// must come from [`BackupFile::plan`] of this file.
    pub fn rewrite(
        mut self,
        plan: &ScrubPlan,
        output: Output,
        watch: &Watch,
    ) -> Result<Report, BackupFileError> {
        if watch.interrupted.load(Ordering::SeqCst) {
            return Err(BackupFileError::Interrupted);
        }
        let contents = Contents::new(self.reader.toc(), plan);
        let definitions = audit_definitions(plan, contents.entries.iter());
        check_audit(&definitions)?;
        let mut destination = Destination::create(output, &self.source)?;
        let description = "Rewriting the backup".to_owned();
        watch.reporter.emit(Event::StepStarted { step: STEP, description });
        let sink = destination.sink()?;
        let mut header = self.reader.header().clone();
        if self.compress {
            header.compression = Compression::Gzip { level: Some(6) };
        }
        let writer = ArchiveWriter::create(sink, &header, &contents.entries)
            .map_err(|error| destination.failed(error))?;
        let early = early_keys::collect(&self.source, plan)?;
        let (sender, writing) = sending::start(writer, &watch.activity);
        let mut run = Run::new(plan, watch, sender, early, self.source.length(), self.compress);
        let read = run.read_all(&mut self.reader);
        let (mut report, sender) = run.end();
        // Closing the channel ends the thread. If sending failed, the thread's error says why.
        drop(sender);
        let written = writing.join();
        check_audit(&report.audit)?;
        report.audit.extend(definitions);
        let writer = match (read, written) {
            (Ok(()), Ok(writer)) => writer,
            (Err(BackupFileError::WriterEnded) | Ok(()), Err(error)) => {
                return Err(destination.failed(error));
            }
            (Err(error), _) => return Err(error),
        };
        report.bytes_written = writer.position();
        finish(writer, destination)?;
        report.bytes_read = self.reader.position();
        report.after_statements = contents.after_statements;
        report.notes = contents.notes;
        let summary = format!("Wrote the rows of {} tables", report.tables.len());
        watch.reporter.emit(Event::StepFinished { step: STEP, summary });
        Ok(report)
    }
}

fn finish(writer: ArchiveWriter<Sink>, destination: Destination) -> Result<(), BackupFileError> {
    let finished = match destination.can_seek() {
        true => writer.finish_with_offsets(),
        false => writer.finish(),
    };
    let sink = finished.map_err(|error| destination.failed(error))?;
    destination.complete(sink)
}

fn check_audit(audit: &[AuditCount]) -> Result<(), BackupFileError> {
    let findings: Vec<AuditCount> =
        audit.iter().filter(|count| count.verdict == Verdict::Finding).cloned().collect();
    if findings.is_empty() { Ok(()) } else { Err(BackupFileError::PersonalData { findings }) }
}
