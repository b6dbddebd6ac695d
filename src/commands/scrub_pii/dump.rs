//! `--dump IN OUT`: a scrubbed copy of a backup file.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::cli::ScrubPiiArgs;
use crate::commands::{Context, Outcome, findings, manifest};
use crate::error::{CommandError, Kind};
use crate::events::{Event, Reporter};
use crate::scrub::RowCounts;
use crate::scrub::backup_file::{BackupFile, Input, Output, Report, Watch};
use crate::ui;

pub async fn run(
    context: &Context,
    args: &ScrubPiiArgs,
    from: &Path,
    to: &Path,
) -> Result<Outcome, CommandError> {
    let to_standard_output = to.as_os_str() == "-";
    if to_standard_output && context.ui.json() {
        let text = "--json and the backup cannot both go to standard output";
        return Err(CommandError::new(Kind::Usage, text).hint("give OUT a file's name"));
    }
    let manifest = manifest::load(context)?;
    let policy = args.policy.clone().unwrap_or_else(|| "local".to_owned());
    let interrupted = Arc::new(AtomicBool::new(false));
    let watch = Watch { reporter: context.reporter(), interrupted: interrupted.clone() };
    let input = open_input(from);
    let output = open_output(to, args.force)?;
    let chosen = policy.clone();
    // Reading, rewriting and compressing are work for a thread of its own.
    let mut working = tokio::task::spawn_blocking(move || {
        let backup = BackupFile::open(input)?;
        let plan = backup.plan(&manifest, &chosen)?;
        Ok::<Report, CommandError>(backup.rewrite(&plan, output, &watch)?)
    });
    let ended = tokio::select! {
        ended = &mut working => ended,
        () = context.interrupt.pressed() => {
            interrupted.store(true, Ordering::SeqCst);
            working.await
        }
    };
    let report = ended.map_err(|_| {
        CommandError::new(Kind::Unexpected, "the rewriting of the backup ended early")
    })??;
    for note in &report.notes {
        context.ui.emit(Event::Note(note.clone()));
    }
    let outcome = outcome(from, to, &policy, &report);
    if !to_standard_output {
        return Ok(outcome);
    }
    // Standard output is the backup: what there is to say goes where messages go.
    context.ui.message(&outcome.text);
    Ok(Outcome { text: String::new(), ..outcome })
}

fn open_input(path: &Path) -> Input {
    match path.as_os_str() == "-" {
        true => Input::Stream(Box::new(std::io::stdin())),
        false => Input::File(path.to_owned()),
    }
}

fn open_output(path: &Path, overwrite: bool) -> Result<Output, CommandError> {
    if path.as_os_str() != "-" {
        return Ok(Output::File { path: path.to_owned(), overwrite });
    }
    let output = ui::raw_standard_output().map_err(|error| {
        CommandError::new(Kind::Unexpected, "standard output cannot be written to")
            .with_cause(error)
    })?;
    if std::io::IsTerminal::is_terminal(&output) {
        let text = "the backup would be written to the terminal";
        return Err(CommandError::new(Kind::Usage, text).hint("give OUT a file's name, or a pipe"));
    }
    Ok(Output::Stream(Box::new(output)))
}

fn outcome(from: &Path, to: &Path, policy: &str, report: &Report) -> Outcome {
    let mut text = String::new();
    let line = |name: &str, rows: &RowCounts| {
        format!(
            "{name:<44} {:>10} kept {:>10} rewritten {:>10} dropped\n",
            ui::count(rows.kept),
            ui::count(rows.changed),
            ui::count(rows.dropped)
        )
    };
    let mut all = RowCounts::default();
    for (table, rows) in &report.tables {
        all += *rows;
        if rows.changed + rows.dropped > 0 {
            text.push_str(&line(&table.short(), rows));
        }
    }
    text.push_str(&line("all rows", &all));
    text.push_str(&findings::passed(&report.audit));
    for statement in &report.after_statements {
        text.push_str(&format!("after its rows, a restore runs: {statement}\n"));
    }
    text.push_str(&format!(
        "{} is written ({}; the original has {})",
        to.display(),
        ui::bytes(report.bytes_written),
        ui::bytes(report.bytes_read)
    ));
    let tables = report.tables.iter().map(|(table, rows)| {
        json!({
            "table": table.short(),
            "rows": rows.read,
            "kept": rows.kept,
            "changed": rows.changed,
            "dropped": rows.dropped,
        })
    });
    let result = json!({
        "from": from.display().to_string(),
        "to": to.display().to_string(),
        "policy": policy,
        "bytes_read": report.bytes_read,
        "bytes_written": report.bytes_written,
        "tables": tables.collect::<Vec<_>>(),
        "audit": report.audit.iter().map(findings::json).collect::<Vec<_>>(),
        "after_statements": report.after_statements,
        "notes": report.notes,
    });
    Outcome::done(result, text)
}
