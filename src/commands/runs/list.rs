//! Lists the runs of this machine, and those of any machine that hold a lock: `runs list`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::reset_staging::runs;
use crate::commands::unfinished::{Found, UnfinishedRun, glance};
use crate::commands::{Context, Outcome};
use crate::failure::CommandError;
use crate::runbook::{RunState, RunSummary};
use crate::ui::table::{Column, Table, ago};

/// The runs of this machine, and those that hold a lock.
#[derive(Serialize, JsonSchema)]
pub struct Listing<'a> {
    /// Of this machine, the newest first.
    runs: Vec<Run<'a>>,
    /// Of any machine: runs that hold a lock on the origin, or held a lock that was broken.
    unfinished: Vec<UnfinishedRun<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct Run<'a> {
    run: &'a str,
    state: &'static str,
    command: &'a str,
    /// The environment.
    target: &'a str,
    who: &'a str,
    started_at: Option<Timestamp>,
    /// When it last wrote to its journal.
    last_at: Option<Timestamp>,
    can_be_resumed: bool,
}

pub async fn run(context: &Context) -> Result<Outcome, CommandError> {
    let found = runs(context).list()?;
    let unfinished = context.interrupt.guard(async { Ok(unfinished_runs(context).await) }).await?;
    let result = Listing {
        runs: found.iter().map(Run::from).collect(),
        unfinished: unfinished.iter().map(Found::document).collect(),
    };
    let mut lines: Vec<String> = unfinished.iter().map(Found::line).collect();
    if found.is_empty() {
        lines.push("no runs on this machine".to_owned());
    } else {
        let mut table = Table::new(COLUMNS);
        found.iter().for_each(|one| table.row(cells(one)));
        lines.push(table.to_string());
    }
    Ok(Outcome::done(result, lines.join("\n")))
}

/// The runs that hold a lock on the origin, or held a lock that was broken, of every unprotected
/// environment.
async fn unfinished_runs(context: &Context) -> Vec<Found> {
    let environments = context.settings.environments.values().filter(|one| !one.protected);
    glance(context, &environments.collect::<Vec<_>>()).await
}

const COLUMNS: [Column; 7] = [
    Column::word("RUN"),
    Column::text("STATE"),
    Column::text("BEGAN").minor(4),
    Column::text("COMMAND").minor(1),
    Column::text("APP").minor(3),
    Column::text("BY").minor(2),
    Column::text("NOTE"),
];

fn cells(one: &RunSummary) -> [String; 7] {
    let note = match &one.state {
        RunState::Failed { step, message } => format!("at {step}: {message}"),
        RunState::Waiting { question, .. } => question.clone(),
        RunState::Done { warnings: true } => "with warnings".to_owned(),
        RunState::Unreadable { message } => message.clone(),
        _ => String::new(),
    };
    let began = one.started_at.map_or_else(|| "-".to_owned(), ago);
    let (id, state) = (one.id.to_string(), one.state.name().to_owned());
    [id, state, began, one.command.clone(), one.target.clone(), one.who.clone(), note]
}

impl<'a> From<&'a RunSummary> for Run<'a> {
    fn from(one: &'a RunSummary) -> Self {
        Run {
            run: one.id.as_str(),
            state: one.state.name(),
            command: &one.command,
            target: &one.target,
            who: &one.who,
            started_at: one.started_at,
            last_at: one.last_at,
            can_be_resumed: one.state.can_be_resumed(),
        }
    }
}
