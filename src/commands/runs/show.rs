//! Prints a run: a short summary, or the whole report in Markdown or HTML: `runs show`.

use std::time::Duration;

use jiff::Timestamp;

use crate::cli::ShowArgs;
use crate::commands::reset_staging::runs;
use crate::commands::unfinished::{AppState, app_state};
use crate::commands::{Context, Outcome};
use crate::failure::{CommandError, FailureKind};
use crate::runbook::{History, Report};
use crate::ui::table::{Column, Table, ago};
use crate::words;

use super::{Past, page};

/// The state of staging is extra: a slow Heroku must not delay the summary.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many warnings and failed steps the summary lists.
const LISTED: usize = 3;

pub async fn run(context: &Context, args: &ShowArgs) -> Result<Outcome, CommandError> {
    let runs = runs(context);
    let given = match &args.run {
        Some(given) => given.clone(),
        None => runs.names()?.first().map(ToString::to_string).ok_or_else(|| {
            CommandError::new(FailureKind::Usage, "this machine has no runs")
                .hint("bcops reset-staging --dry-run")
        })?,
    };
    let past = Past::read(&runs, &given)?;
    let report = Report::from_journal(&past.journal)?;
    let result = serde_json::to_value(&report).map_err(|error| {
        CommandError::new(FailureKind::Unexpected, "cannot write the report").with_cause(error)
    })?;
    let text = match (args.markdown, args.html) {
        (true, _) => report.to_markdown().trim_end().to_owned(),
        (_, true) => page::of(&report),
        _ if context.ui.json() => String::new(),
        _ => {
            let now = now(context, &past).await;
            summary(&report, &past.history, now.as_deref())
        }
    };
    Ok(Outcome::done(result, text))
}

/// The state of the destination now, as Heroku reports it. `None` where Heroku does not answer soon.
async fn now(context: &Context, past: &Past) -> Option<String> {
    let destination = past.answers().ok()?.options.destination;
    let environment = context.settings.environments.get(&destination)?;
    context.deployments().asks_heroku_about(&destination);
    let asked = tokio::time::timeout(PATIENCE, app_state(context, environment)).await;
    let AppState { maintenance, formation } = asked.ok().flatten()?;
    let maintenance = if maintenance { "in maintenance" } else { "not in maintenance" };
    Some(format!("{destination} is {maintenance} now, {formation}"))
}

/// At most twenty lines: what, when, by whom, the result, the state of staging, the next commands.
fn summary(report: &Report, history: &History, now: Option<&str>) -> String {
    let mut facts = Table::new([Column::word(""), Column::text("")]);
    facts.row(["run", &report.run]);
    facts.row(["what", &format!("{} of {}", report.command, report.target)]);
    facts.row(["result", report.status]);
    facts.row(["when", &when(report)]);
    facts.row(["by", &format!("{} on {}", report.who, report.host)]);
    facts.row(["steps", &steps(report)]);
    let failed = report.steps.iter().filter(|step| step.outcome == "failed");
    for step in failed.take(LISTED) {
        let reason = step.reason.as_deref().unwrap_or("no reason in the journal");
        facts.row(["failed", &format!("{}: {reason}", step.id)]);
    }
    for warning in report.warnings.iter().take(LISTED) {
        facts.row(["warning", warning]);
    }
    if let Some(more) = report.warnings.len().checked_sub(LISTED).filter(|more| *more > 0) {
        facts.row(["", &format!("{more} more warnings in the report")]);
    }
    facts.row(["now", now.unwrap_or_else(|| left(history))]);
    // Commands are never wrapped: a person copies them.
    let next = report.next.iter().map(|command| format!("next: {command}"));
    let whole = format!("report: bcops runs show {} --markdown", report.run);
    let lines = std::iter::once(facts.to_string()).chain(next).chain([whole]);
    lines.collect::<Vec<_>>().join("\n")
}

/// What the journal shows where Heroku does not answer.
fn left(history: &History) -> &'static str {
    let open = history.step("open");
    let is_open = open.is_finished() && !open.is_undone();
    let stands = |id: &str| {
        let step = history.step(id);
        step.may_have_acted && !step.is_undone() && !is_open
    };
    match stands("maintenance") || stands("dynos") {
        true => "unknown: Heroku did not answer; the run left staging in maintenance",
        false => "unknown: Heroku did not answer; the run left staging open",
    }
}

fn when(report: &Report) -> String {
    let began = report
        .started_at
        .map_or_else(|| "unknown".to_owned(), |at: Timestamp| format!("{at:.0}, {}", ago(at)));
    let took = words::duration(Duration::try_from_secs_f64(report.seconds).unwrap_or_default());
    match report.resumptions {
        0 => format!("{began}, took {took}"),
        times => format!("{began}, took {took}, resumed {}", words::plural(times.into(), "time")),
    }
}

/// `26 done, 1 skipped`: the outcomes in the order of their first step.
fn steps(report: &Report) -> String {
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for step in &report.steps {
        match counts.iter_mut().find(|(outcome, _)| *outcome == step.outcome) {
            Some((_, count)) => *count += 1,
            None => counts.push((step.outcome, 1)),
        }
    }
    let words = |outcome: &str| outcome.replace(", with", " with");
    let counts = counts.iter().map(|(outcome, count)| format!("{count} {}", words(outcome)));
    counts.collect::<Vec<_>>().join(", ")
}
