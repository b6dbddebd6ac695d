//! `runs rollback`: puts back what a run did, the last step first.

use std::sync::Arc;

use serde_json::json;

use crate::cli::RollbackArgs;
use crate::commands::reset_staging::{ended, register_secrets, runs, setup, target, world_of};
use crate::commands::{Context, Outcome, confirm};
use crate::error::CommandError;
use crate::runbook::{Engine, Flags, Redactor, Step, UndoWay};

use super::Past;

pub async fn run(context: &Context, args: &RollbackArgs) -> Result<Outcome, CommandError> {
    let runs = runs(context);
    let past = Past::read(&runs, &args.run)?;
    let choices = past.choices()?;
    let app = context.settings.environment(&choices.destination)?.app.value.clone();
    if !args.dry_run {
        confirm::check_names(&args.confirm, &[Some(&app)])?;
        confirm::check_can_be_asked(context, &app, &args.confirm)?;
    }
    let world = world_of(context, choices).await?;
    let redactor = Arc::new(Redactor::new());
    register_secrets(&redactor, &world);
    let setup = setup(context, &world, redactor)?;
    let steps = setup.book.steps().iter().rev();
    let acted = |step: &&Arc<dyn Step>| {
        let known = past.history.step(step.id());
        known.may_have_acted && !known.is_undone()
    };
    let lines: Vec<String> = steps.filter(acted).filter_map(|step| way(step.as_ref())).collect();
    let text = match lines.is_empty() {
        true => format!("the run {} has left nothing to put back", past.id),
        false => format!("the run {} is put back on {app}:\n{}", past.id, lines.join("\n")),
    };
    if args.dry_run {
        let result = json!({ "dry_run": true, "run": past.id.as_str(), "steps": lines });
        return Ok(Outcome::done(result, format!("{text}\ndry run: nothing was changed")));
    }
    context.ui.question(&text);
    confirm::type_name(context, &app, &args.confirm)?;
    let engine = Engine::reopen(setup, &runs, past.id.clone(), &target(&world), Flags::new())?;
    let result = engine.roll_back().await;
    ended(context, &world, &past.id, result)
}

fn way(step: &dyn Step) -> Option<String> {
    match step.undo_way() {
        UndoWay::Nothing => None,
        UndoWay::Own => Some(format!("  {}: put back", step.id())),
        UndoWay::With(other) => Some(format!("  {}: goes with {other}", step.id())),
        UndoWay::Impossible(why) | UndoWay::Stays(why) => {
            Some(format!("  {}: stays, as {why}", step.id()))
        }
    }
}
