//! Prints how a run ended, writes its report, and names the next command.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::commands::{Context, Outcome};
use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::json;
use crate::private_folder;
use crate::reset::{OriginLock, Reset};
use crate::runbook::{EndStatus, History, Report, RunEnd, RunError, RunId};

use super::{runs, unexpected};

/// A run that came to its end.
#[derive(Serialize, JsonSchema)]
pub struct Ended<'a> {
    run: &'a str,
    report_file: &'a Path,
    /// The same as in `runs show`.
    report: Value,
}

/// Writes the report beside the journal, and prints the result of the run.
pub async fn ended(
    context: &Context,
    world: &Reset,
    run: &RunId,
    result: Result<RunEnd, RunError>,
) -> Result<Outcome, CommandError> {
    let runs = runs(context);
    let report = runs
        .journal(run)
        .map_err(CommandError::from)
        .and_then(|journal| Report::from_journal(&journal).map_err(CommandError::from));
    let path = runs.path(run).join("report.md");
    if let Ok(report) = &report
        && let Err(error) = private_folder::write(&path, report.to_markdown().as_bytes())
    {
        context.ui.emit(Event::Warning(format!("cannot save the report: {error}")));
    }
    let document = match &report {
        Ok(report) => json::document(report),
        Err(_) => Value::Null,
    };
    let end = match result {
        Ok(end) => end,
        Err(error) => {
            let is_over = matches!(error, RunError::Over { .. } | RunError::RolledBack { .. });
            if is_over || !runs.path(run).exists() {
                // A kill may have come before this, or a lock refused the run.
                forget(context, world, run);
            }
            return Err(CommandError::from(error).with_result(document));
        }
    };
    let report = report?;
    if end.status != EndStatus::Incomplete {
        forget(context, world, run);
    }
    if let Err(error) = settle_origin(context, world, run, end.status).await {
        context.ui.emit(Event::Warning(format!("cannot remove old refs from the origin: {error}")));
    }
    let mut text = match end.status {
        EndStatus::Done => format!("{} is reset: run {run}", world.destination.name),
        EndStatus::DoneWithWarnings => {
            format!("{} is reset, with warnings: run {run}", world.destination.name)
        }
        EndStatus::RolledBack => {
            format!("{} is back in its state before run {run}", world.destination.name)
        }
        EndStatus::Incomplete => return Err(unexpected("the run is not complete")),
    };
    for message in ["for colleagues", "for the client"] {
        if let Some(found) = fact(&report, message).filter(|_| end.status != EndStatus::RolledBack)
        {
            text.push_str(&format!("\n\n--- {message}\n{}", found.trim_end()));
        }
    }
    text.push('\n');
    for site in &world.destination.environment.sites {
        text.push_str(&format!("\nsite: {site}"));
    }
    text.push_str(&format!("\napp: https://dashboard.heroku.com/apps/{}", world.app_name()));
    text.push_str(&format!("\nreport: {}", path.display()));
    if end.status != EndStatus::RolledBack {
        text.push_str(&format!("\nto go back: {}", run.rollback_command()));
    }
    Ok(Outcome::done(Ended { run: run.as_str(), report_file: &path, report: document }, text))
}

/// Removes refs from the origin that no run needs any more: the tip for a rollback, after the rollback,
/// and the record of a broken lock, once staging is open again.
async fn settle_origin(
    context: &Context,
    world: &Reset,
    run: &RunId,
    status: EndStatus,
) -> Result<(), CommandError> {
    let repository = world.repository.for_run(run.as_str())?;
    let lock = OriginLock::new(repository.clone(), &world.branches.staging);
    let broken = lock.look_at_broken().await?;
    let is_own = broken.as_ref().is_some_and(|broken| broken.holder.run == *run);
    let history = History::of(runs(context).journal(run)?.records());
    let is_finished = match status {
        EndStatus::RolledBack => is_own,
        _ => is_own || history.step("open").is_finished() || !leaves_closed(&history),
    };
    if broken.is_some() && is_finished {
        lock.forget_broken().await?;
    }
    if status == EndStatus::RolledBack {
        repository.forget_backup().await?;
    }
    Ok(repository.forget()?)
}

/// Whether the run began with a staging that an unfinished run had closed.
fn leaves_closed(history: &History) -> bool {
    history.value("taken_over").is_some_and(|taken| taken["closed"] == true)
}

/// Removes from the clone what the run fetched and merged. The old tip is backed up on the origin.
fn forget(context: &Context, world: &Reset, run: &RunId) {
    let forgotten = world.repository.for_run(run.as_str()).and_then(|one| one.forget());
    if let Err(error) = forgotten {
        context.ui.emit(Event::Warning(error.to_string()));
    }
}

fn fact<'a>(report: &'a Report, name: &str) -> Option<&'a str> {
    let facts = report.steps.iter().flat_map(|step| &step.facts);
    facts.filter(|fact| fact.name == name).find_map(|fact| fact.value.as_str())
}
