//! Rewrites a backup file: an archive in, an archive out, of the same version and compression,
//! with the rows dropped, rewritten or kept as the plan says.
//!
//! Blocks come out in the order in which they went in, because pg_restore reads a pipe in that
//! order only. What the plan leaves alone is copied compressed as it is, while it is decompressed
//! for the audit. Compressing and writing happen on a second thread.
//!
//! A table whose rule asks for the keys of later tables needs them before its turn. A file is read
//! twice for them; of standard input, the blocks up to the last table that is asked for are kept in
//! memory, compressed, up to a limit.

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
    /// Something that can be read once, such as standard input.
    Stream(Box<dyn Read + Send>),
}

/// Where the rewritten archive goes.
pub enum Output {
    File {
        path: PathBuf,
        /// Whether a file of that name may be replaced.
        overwrite: bool,
    },
    /// Something that takes bytes once, such as standard output. It is written to in large
    /// portions, and should not hold any of them back: after a finding of the audit nothing more
    /// may go out.
    Stream(Box<dyn Write + Send>),
}

impl Output {
    /// Whether a file of that name can be written at all, before anything is read for it.
    ///
    /// # Errors
    /// The name is taken and may not be, or is no file's.
    pub fn check(&self) -> Result<(), BackupFileError> {
        match self {
            Output::File { path, overwrite } => destination::check_name(path, *overwrite, None),
            Output::Stream(_) => Ok(()),
        }
    }
}

/// Who looks on, and who may stop the work.
pub struct Watch {
    pub reporter: SharedReporter,
    /// Looked at between portions of rows. Once it is set, the work ends with
    /// [`BackupFileError::Interrupted`], and nothing of it is left.
    pub interrupted: Arc<AtomicBool>,
    /// The account of what the work waits for.
    pub activity: Activity,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Report {
    /// In the archive's order.
    pub tables: Vec<(TableName, RowCounts)>,
    pub audit: Vec<AuditCount>,
    /// Members of JSON that went because nothing names them.
    pub dropped_members: Vec<DroppedMember>,
    pub bytes_read: u64,
    pub bytes_written: u64,
    /// The manifest's statements, which the written archive runs after its rows are restored.
    pub after_statements: Vec<String>,
    /// What was left out, for the user.
    pub notes: Vec<String>,
}

/// A backup file of which the table of contents was read.
pub struct BackupFile {
    source: Source,
    reader: ArchiveReader<Box<dyn Read + Send>>,
    schema: Schema,
    /// Its rows are not compressed, because they come from several files.
    compress: bool,
}

impl BackupFile {
    /// Opens an archive and refuses one whose rows cannot be judged.
    pub fn open(input: Input) -> Result<BackupFile, BackupFileError> {
        BackupFile::open_on_account(input, &Activity::default())
    }

    /// The same with each read of the archive on an account.
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

    /// Fits a manifest to the database that the file holds.
    pub fn plan(&self, manifest: &Manifest, policy: &str) -> Result<ScrubPlan, PlanError> {
        let order: Vec<TableName> =
            self.reader.toc().table_data().map(|entry| entry.table_name()).collect();
        ScrubPlan::new(manifest, policy, &self.schema, &order)
    }

    /// Looks at the first rows of every table. They are counted, and none is kept.
    pub fn sample(self) -> Result<RowSamples, BackupFileError> {
        sample::sample(self.reader)
    }

    /// Writes the archive anew. Unless this succeeds, no file of the output's name is there that
    /// was not there before. `plan` must have been made by [`BackupFile::plan`] of this file.
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
        // Closing the channel ends the thread. Its error is the reason where sending failed.
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
        let summary = format!("Rows of {} tables written", report.tables.len());
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
