//! `runs list`.

use serde_json::json;

use crate::commands::reset_staging::runs;
use crate::commands::{Context, Outcome};
use crate::error::CommandError;
use crate::runbook::{RunState, RunSummary};

pub fn run(context: &Context) -> Result<Outcome, CommandError> {
    let found = runs(context).list()?;
    let result = json!({ "runs": found.iter().map(document).collect::<Vec<_>>() });
    if found.is_empty() {
        return Ok(Outcome::done(result, "no runs on this machine".to_owned()));
    }
    let lines: Vec<String> = found.iter().map(line).collect();
    Ok(Outcome::done(result, lines.join("\n")))
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

fn document(one: &RunSummary) -> serde_json::Value {
    json!({
        "run": one.id.as_str(),
        "state": one.state.name(),
        "command": one.command,
        "target": one.target,
        "who": one.who,
        "started_at": one.started_at.map(|at| at.to_string()),
        "last_at": one.last_at.map(|at| at.to_string()),
        "can_be_resumed": one.state.can_be_resumed(),
    })
}
