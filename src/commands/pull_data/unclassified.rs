//! Stops a pull for tables and columns without a class, or loads them empty.

use crate::cli::PullDataArgs;
use crate::commands::Context;
use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::restore::Contents;
use crate::scrub::{EmptiedColumn, FindingKind, Manifest, PlanError, ScrubPlan, Unclassified};
use crate::settings;
use crate::ui::Answer;
use crate::words;

/// The plan of a pull, and the tables and columns that it loads empty.
///
/// # Errors
///
/// The manifest does not fit the backup, and more is wrong than classes that may be missing.
pub fn plan(
    context: &Context,
    args: &PullDataArgs,
    contents: &Contents,
    manifest: &Manifest,
    policy: &str,
) -> Result<(ScrubPlan, Unclassified), CommandError> {
    let stopped = match contents.scrub_plan(manifest, policy) {
        Ok(plan) => return Ok((plan, Unclassified::default())),
        Err(error) => error,
    };
    let wanted = args.unclassified.unwrap_or(context.settings.unclassified);
    let emptied = contents.scrub_plan_without(manifest, policy);
    let (plan, emptied) = match (wanted, emptied) {
        (settings::Unclassified::Empty, emptied) => emptied.map_err(cannot_be_empty)?,
        (settings::Unclassified::Stop, Ok(emptied)) if args.unclassified.is_none() => {
            ask(context, args, stopped)?;
            emptied
        }
        (settings::Unclassified::Stop, _) => return Err(stopped.into()),
    };
    context.ui.emit(Event::Warning(warning(&emptied)));
    Ok((plan, emptied))
}

/// Asks whether to load them empty. An unanswered question is a no.
fn ask(context: &Context, args: &PullDataArgs, stopped: PlanError) -> Result<(), CommandError> {
    if !context.ui.prompter().can_ask() || args.dry_run {
        return Err(CommandError::from(stopped)
            .hint("load these empty, on this machine only: --unclassified empty"));
    }
    context.ui.question(&stopped.to_string());
    match context.ui.prompter().yes("Load these empty?") {
        Answer::Given(()) => Ok(()),
        Answer::Declined | Answer::CannotAsk => Err(stopped.into()),
    }
}

fn cannot_be_empty(error: PlanError) -> CommandError {
    let is_left = error.findings.iter().any(|one| one.kind == FindingKind::Unclassified);
    let error = CommandError::from(error);
    match is_left {
        true => error.hint("class these columns in the manifest, because no empty value fits them"),
        false => error,
    }
}

fn warning(emptied: &Unclassified) -> String {
    format!(
        "{}; they are loaded empty\n{}To load their contents, check these lines and add them to the manifest:\n{}",
        counted(emptied),
        in_words(emptied),
        emptied.lines
    )
}

fn counted(emptied: &Unclassified) -> String {
    let tables = words::plural(emptied.tables.len() as u64, "table");
    let columns = words::plural(emptied.columns.len() as u64, "column");
    match (emptied.tables.len(), emptied.columns.len()) {
        (_, 0) => format!("{tables} without a class"),
        (0, _) => format!("{columns} without a class"),
        _ => format!("{tables} and {columns} without a class"),
    }
}

/// A line for each table and each column.
pub fn in_words(emptied: &Unclassified) -> String {
    let mut text = String::new();
    for table in &emptied.tables {
        text.push_str(&format!("not classified: {}, loaded without rows\n", table.short()));
    }
    for EmptiedColumn { table, column, value } in &emptied.columns {
        text.push_str(&format!("not classified: {}.{column}: {value}\n", table.short()));
    }
    text
}
