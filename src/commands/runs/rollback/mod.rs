//! Rolls a run back, after showing what is lost with it: `runs rollback`.

use std::fmt::Write;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::cli::RollbackArgs;
use crate::commands::reset_staging::{ended, register_secrets, runs, setup, target, world_of};
use crate::commands::{Context, Outcome, confirm};
use crate::failure::CommandError;
use crate::reset::{
    Asked, ForgetsPlanning, Losses, OriginLock, PresentBackup, Reset, WayBack, look_back,
    values_of_rollback,
};
use crate::runbook::{
    Engine, Flags, Redactor, RunEnd, RunError, Runbook, Setup, StepEntry, UndoWay, wait,
};

use super::GoesBack;

/// With `--dry-run`.
#[derive(Serialize, JsonSchema)]
pub struct Planned<'a> {
    /// Always true.
    dry_run: bool,
    run: &'a str,
    /// A line for each, in the order of the rollback.
    steps: &'a [String],
    backs_up_the_present: bool,
    /// What was made after the run and is lost, by kind.
    #[schemars(with = "Value")]
    losses: &'a Losses,
}

pub async fn run(context: &Context, args: &RollbackArgs) -> Result<Outcome, CommandError> {
    let runs = runs(context);
    let past = GoesBack::find(context, &runs, &args.run).await?;
    let answers = past.answers()?;
    let app = context.settings.environment(&answers.destination)?.app.value.clone();
    if !args.dry_run {
        confirm::check_names(&args.confirm, &[Some(&app)])?;
        confirm::check_can_be_asked(context, &app, &args.confirm)?;
    }
    let world = world_of(context, answers).await?;
    let redactor = Arc::new(Redactor::new());
    register_secrets(&redactor, &world);
    let setup = setup(context, &world, redactor)?;
    let lines = ways(&setup.runbook, &past);
    let back = match lines.is_empty() {
        true => WayBack::default(),
        false => {
            let asked = Asked {
                run: &past.id,
                runbook: &setup.runbook,
                history: &past.history,
                ended: past.ended(),
                past_later_runs: args.past_later_runs,
            };
            let _planning = ForgetsPlanning::new(&world.repository);
            context.interrupt.guard(look_back(&world, &asked, &runs)).await?
        }
    };
    let text = text(&past, &world, &lines, &back);
    if args.dry_run {
        let result = Planned {
            dry_run: true,
            run: past.id.as_str(),
            steps: &lines,
            backs_up_the_present: back.captures,
            losses: &back.losses,
        };
        return Ok(Outcome::done(result, format!("{text}\ndry run: nothing was changed")));
    }
    confirm::print_origins(context);
    context.ui.question(&text);
    confirm::type_name(context, &app, &args.confirm)?;
    let result = go_back(setup, &runs, &past, &world, &back).await;
    ended(context, &world, &past.id, result).await
}

async fn go_back(
    setup: Setup<Reset>,
    runs: &crate::runbook::Runs,
    past: &GoesBack,
    world: &Arc<Reset>,
    back: &WayBack,
) -> Result<RunEnd, RunError> {
    past.adopt(runs, &setup.operator)?;
    let setup = match &past.seen {
        Some(seen) => {
            let lock = OriginLock::new(world.repository.clone(), &world.branches.staging);
            Setup { lock: Arc::new(lock.expecting(seen.clone())), ..setup }
        }
        None => setup,
    };
    let engine = Engine::reopen(setup, runs, past.id.clone(), &target(world), Flags::new())?;
    let engine = engine.with_values(values_of_rollback(&past.history, back));
    let engine = match back.captures {
        true => {
            let backup = PresentBackup { again: back.captures_again };
            engine.with_precaution(wait("present-backup", "rollback", backup))
        }
        false => engine,
    };
    engine.roll_back().await
}

/// What the rollback does with each step, the last step first.
fn ways(runbook: &Runbook<Reset>, past: &GoesBack) -> Vec<String> {
    let acted = |step: &&StepEntry<Reset>| runbook.is_to_be_put_back(step, &past.history);
    runbook.steps().iter().rev().filter(acted).filter_map(way).collect()
}

fn way(step: &StepEntry<Reset>) -> Option<String> {
    match step.undo_way {
        UndoWay::Nothing => None,
        UndoWay::Own(_) => Some(format!("  {}: put back", step.id)),
        UndoWay::With(other) => Some(format!("  {}: put back with {other}", step.id)),
        UndoWay::Impossible(why) | UndoWay::Stays(why) => {
            Some(format!("  {}: stays, because {why}", step.id))
        }
    }
}

fn text(past: &GoesBack, world: &Reset, lines: &[String], back: &WayBack) -> String {
    let (run, app) = (&past.id, world.app_name());
    if lines.is_empty() {
        return format!("run {run} left nothing to put back");
    }
    let mut text = format!("Rolling back run {run} on {app}:\n{}\n", lines.join("\n"));
    // Writing to a string does not fail.
    let _ = match back.captures {
        true => writeln!(text, "first {app} is backed up as it is now"),
        false => Ok(()),
    };
    if let Some(code) = &back.code {
        let _ = writeln!(text, "code  {code}");
    }
    if let Some(tip) = &back.gives_up {
        let branch = &world.branches.staging;
        let _ = writeln!(text, "{branch} is at {tip} now, and loses that commit");
    }
    text.push_str(&back.losses.text());
    text
}
