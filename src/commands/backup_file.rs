//! Writes a scrubbed copy of a backup, for `scrub-pii --dump` and `backups download`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::activity::{Activity, NoServer, Stall};
use crate::commands::findings::{self, Audited};
use crate::commands::{Context, Outcome, dropped, rows};
use crate::deployment::manifest;
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::restore::TableReport;
use crate::schema::TableName;
use crate::scrub::backup_file::{self, BackupFile, BackupFileError, Input, Output, Report, Watch};
use crate::scrub::{DroppedMember, RowCounts};
use crate::words;

/// The result of `--dump` and of `backups download`.
#[derive(Serialize, JsonSchema)]
pub struct Dumped<'a> {
    dry_run: bool,
    /// The file, or a description of the downloaded backup.
    from: &'a str,
    /// The file, or `-`.
    to: String,
    policy: &'a str,
    bytes_read: u64,
    /// With `--dry-run`, the size that the file would have.
    bytes_written: u64,
    tables: Vec<TableReport>,
    /// What the audit found, allowed or not.
    audit: Vec<Audited<'a>>,
    /// Members of JSON documents that the manifest does not name.
    dropped_members: &'a [DroppedMember],
    /// The statements that a restore runs after the rows.
    after_statements: &'a [String],
    notes: &'a [String],
}

/// How long a thread may take to stop.
const PATIENCE: Duration = Duration::from_secs(2);

/// Rewrites a backup by the manifest in force. Ctrl-C stops it.
pub async fn rewrite(
    context: &Context,
    policy: &str,
    input: Input,
    output: Output,
) -> Result<Report, CommandError> {
    let manifest = manifest::load(&context.settings)?;
    let policy = policy.to_owned();
    let file = match &input {
        Input::File(path) => Some(path.clone()),
        Input::Stream(_) => None,
    };
    let work = move |watch: &Watch| {
        let opened = BackupFile::open_on_account(input, &watch.activity);
        let backup = opened.map_err(|error| match &file {
            Some(file) => error.of_file(file),
            None => error.into(),
        })?;
        let plan = backup.plan(&manifest, &policy)?;
        for check in plan.open_checks() {
            watch.reporter.emit(Event::Warning(check.describe()));
        }
        Ok::<Report, CommandError>(backup.rewrite(&plan, output, watch)?)
    };
    let report = on_a_thread(context, work).await?;
    findings::warn_of_doubts(context, &report.audit);
    for note in &report.notes {
        context.ui.emit(Event::Note(note.clone()));
    }
    Ok(report)
}

/// Runs the work on a backup file on a thread of its own, because it reads, compresses and writes.
/// Ctrl-C stops it and removes the unfinished file.
pub async fn on_a_thread<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce(&Watch) -> Result<T, CommandError> + Send + 'static,
) -> Result<T, CommandError> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let (reporter, activity) = (context.reporter(), Activity::default());
    let watch = Watch {
        reporter: reporter.clone(),
        interrupted: interrupted.clone(),
        activity: activity.clone(),
    };
    let mut working = tokio::task::spawn_blocking(move || work(&watch));
    let ended = tokio::select! {
        ended = &mut working => ended,
        stall = activity.watch(&reporter, NoServer) => {
            interrupted.store(true, Ordering::SeqCst);
            backup_file::discard_unfinished();
            return Err(stalled(&stall));
        }
        () = context.interrupt.pressed() => {
            interrupted.store(true, Ordering::SeqCst);
            tokio::time::timeout(PATIENCE, working).await.map_err(|_| {
                // A thread that waits for a read cannot stop by itself.
                backup_file::discard_unfinished();
                CommandError::from(BackupFileError::Interrupted)
            })?
        }
    };
    ended.map_err(|_| {
        CommandError::new(
            FailureKind::Unexpected,
            "cannot finish the backup file: its thread ended early",
        )
    })?
}

fn stalled(stall: &Stall) -> CommandError {
    CommandError::new(FailureKind::Unexpected, format!("cannot continue: {stall}"))
        .hint(crate::activity::STALLED)
}

pub fn outcome(from: &str, to: &Path, policy: &str, report: &Report, dry_run: bool) -> Outcome {
    let counts = |(table, rows): &(TableName, RowCounts)| {
        let RowCounts { read, kept, changed, dropped } = *rows;
        TableReport { table: table.clone(), read, kept, changed, dropped }
    };
    let tables: Vec<TableReport> = report.tables.iter().map(counts).collect();
    let mut text = rows::lines(&tables);
    text.push_str(&dropped::lines(&report.dropped_members));
    text.push_str(&findings::passed(&report.audit));
    for statement in &report.after_statements {
        text.push_str(&format!("a restore runs after the rows: {statement}\n"));
    }
    let (written, read) = (words::bytes(report.bytes_written), words::bytes(report.bytes_read));
    text.push_str(&match to.as_os_str() {
        _ if dry_run => {
            format!("dry run: nothing was written; the file would have {written} of {read}")
        }
        name if name == "-" => {
            format!("wrote the backup ({written}; the original has {read})")
        }
        _ => format!("wrote {} ({written}; the original has {read})", to.display()),
    });
    let result = Dumped {
        dry_run,
        from,
        to: to.display().to_string(),
        policy,
        bytes_read: report.bytes_read,
        bytes_written: report.bytes_written,
        tables,
        audit: findings::judged(&report.audit),
        dropped_members: &report.dropped_members,
        after_statements: &report.after_statements,
        notes: &report.notes,
    };
    Outcome::done(result, text)
}
