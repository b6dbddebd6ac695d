//! How a run ended: its report, and what to type next.

use serde_json::json;

use crate::commands::{Context, Outcome};
use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::private_folder;
use crate::reset::{OriginLock, Reset};
use crate::runbook::{EndStatus, History, Report, RunEnd, RunError, RunId};

use super::{runs, unexpected};

/// Writes the report beside the journal, and tells of it.
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
        context.ui.emit(Event::Warning(format!("the report was not saved: {error}")));
    }
    let document = match &report {
        Ok(report) => serde_json::to_value(report).unwrap_or_default(),
        Err(_) => serde_json::Value::Null,
    };
    let end = match result {
        Ok(end) => end,
        Err(error) => {
            let is_over = matches!(error, RunError::Over { .. } | RunError::RolledBack { .. });
            if is_over || !runs.path(run).exists() {
                // It may have been killed before it came to this, or was refused because of a lock.
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
        context.ui.emit(Event::Warning(format!("cannot tidy the origin: {error}")));
    }
    let mut text = match end.status {
        EndStatus::Done => format!("{} is reset: run {run}", world.destination.name),
        EndStatus::DoneWithWarnings => {
            format!("{} is reset, with warnings: run {run}", world.destination.name)
        }
        EndStatus::RolledBack => {
            format!("{} is as it was before run {run}", world.destination.name)
        }
        EndStatus::Incomplete => return Err(unexpected("the run is not complete")),
    };
    for message in ["for colleagues", "for the client"] {
        if let Some(found) = fact(&report, message).filter(|_| end.status != EndStatus::RolledBack)
        {
            text.push_str(&format!("\n\n--- {message}\n{}", found.trim_end()));
        }
    }
    text.push_str(&format!("\n\nreport: {}", path.display()));
    if end.status != EndStatus::RolledBack {
        text.push_str(&format!("\nto go back: {}", run.rollback_command()));
    }
    let result = json!({ "run": run.to_string(), "report_file": path, "report": document });
    Ok(Outcome::done(result, text))
}

/// Removes from the origin what nobody needs any more: the tip that was kept for a rollback, once that
/// is done, and what a run left whose lock was broken, once staging is open again.
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

/// Removes from the clone what the run fetched and merged; its backup of the tip is on the origin.
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
