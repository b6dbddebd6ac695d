//! `runs list`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::reset_staging::runs;
use crate::commands::unfinished::{Found, UnfinishedRun, glance};
use crate::commands::{Context, Outcome};
use crate::failure::CommandError;
use crate::runbook::{RunState, RunSummary};

/// The runs that this machine knows of, and those that hold a lock.
#[derive(Serialize, JsonSchema)]
pub struct Listing<'a> {
    /// Of this machine, the newest first.
    runs: Vec<Run<'a>>,
    /// Of any machine: those that hold a lock on the origin, or held one that was broken.
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
    /// When it was last heard of.
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
    }
    lines.extend(found.iter().map(line));
    Ok(Outcome::done(result, lines.join("\n")))
}

/// Those that hold a lock on the origin, or held one that was broken: of every environment that is
/// written to.
async fn unfinished_runs(context: &Context) -> Vec<Found> {
    let environments = context.settings.environments.values().filter(|one| !one.protected);
    glance(context, &environments.collect::<Vec<_>>()).await
}

fn line(one: &RunSummary) -> String {
    let note = match &one.state {
        RunState::Failed { step, message } => format!("  at {step}: {message}"),
        RunState::Waiting { question, .. } => format!("  {question}"),
        RunState::Done { warnings: true } => "  with warnings".to_owned(),
        RunState::Unreadable { message } => format!("  {message}"),
        _ => String::new(),
    };
    let (state, who) = (one.state.name(), &one.who);
    format!("{}  {state:<12} {} of {} by {who}{note}", one.id, one.command, one.target)
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
