//! `runs resume`: goes on where a run stopped.

use std::sync::Arc;

use crate::adapters::git::OnConflict;
use crate::cli::ResumeArgs;
use crate::commands::reset_staging::{
    ForgetsPlanning, ended, register_secrets, runs, setup, target, world_of,
};
use crate::commands::{Context, Outcome};
use crate::failure::{CommandError, FailureKind};
use crate::reset::unfinished::refuse_stale;
use crate::reset::{Choices, Stage, refuse_replaced};
use crate::runbook::{Engine, Flags, Redactor, Runs};

use super::{Past, elsewhere};

pub async fn run(context: &Context, args: &ResumeArgs) -> Result<Outcome, CommandError> {
    let runs = runs(context);
    let past = match Past::read(&runs, &args.run) {
        Ok(past) => past,
        Err(error) => return Err(elsewhere_or(context, &runs, &args.run, error).await),
    };
    let before = past.choices()?;
    refuse_too_late(&past, args)?;
    let choices = changed(before.clone(), args);
    let flags = difference(&before, &choices);
    let world = world_of(context, choices).await?;
    if past.is_unfinished() {
        let looking = refuse_replaced(&world, &past.id, &past.history);
        context.interrupt.guard(looking).await?;
    }
    let redactor = Arc::new(Redactor::new());
    register_secrets(&redactor, &world);
    let setup = setup(context, &world, redactor)?;
    {
        let _planning = ForgetsPlanning::new(&world.repository);
        let looking = refuse_stale(&world, &setup.runbook, &past.id, &past.history);
        context.interrupt.guard(looking).await?;
    }
    let engine = Engine::reopen(setup, &runs, past.id.clone(), &target(&world), flags)?;
    let result = engine.run().await;
    ended(context, &world, &past.id, result).await
}

/// A run of another machine can be resumed only there: what its steps have found is in its journal.
async fn elsewhere_or(
    context: &Context,
    runs: &Runs,
    given: &str,
    error: CommandError,
) -> CommandError {
    let Ok(Some(found)) = elsewhere(context, runs, given).await else { return error };
    let now = jiff::Timestamp::now();
    let text = format!("{error} on this machine: {}", found.sentence(now, None));
    let error = CommandError::new(error.kind, text);
    found.hints(now).into_iter().fold(error, CommandError::hint)
}

/// Refuses answers to what was done already, and stages that nobody knows.
fn refuse_too_late(past: &Past, args: &ResumeArgs) -> Result<(), CommandError> {
    for stage in &args.skip {
        let known = stage.parse::<Stage>();
        known.map_err(|unknown| CommandError::new(FailureKind::Usage, unknown))?;
    }
    let steps = past.journal.beginning().map(|began| began.steps.as_slice()).unwrap_or_default();
    let too_late = |text: String| {
        CommandError::new(FailureKind::Usage, text)
            .hint(format!("bcops runs show {}   # shows how far the run is", past.id))
    };
    if args.media.is_some() && past.history.step("copy-media").is_over() {
        return Err(too_late("cannot change --media: the run has copied the media".to_owned()));
    }
    for stage in &args.skip {
        let begun = steps.iter().filter(|step| step.stage == *stage).find(|step| {
            let history = past.history.step(&step.id);
            // Media that were copied in part stay; a second try is worth nothing to staging.
            history.is_over() || (history.may_have_acted && stage != "media")
        });
        if let Some(step) = begun {
            let text = format!("cannot skip {stage}: its step {} has begun", step.id);
            return Err(too_late(text));
        }
    }
    Ok(())
}

fn with_skipped(mut skip: Vec<String>, more: &[String]) -> Vec<String> {
    skip.extend(more.iter().cloned());
    let mut seen = std::collections::HashSet::new();
    skip.retain(|stage| seen.insert(stage.clone()));
    skip
}

/// The answers, with those that were given now.
fn changed(choices: Choices, args: &ResumeArgs) -> Choices {
    Choices {
        agreed: choices.agreed || args.attest.is_some(),
        on_conflict: match args.on_conflict.as_deref() {
            Some("skip") => OnConflict::Skip,
            Some(_) => OnConflict::Stop,
            None => choices.on_conflict,
        },
        media: args.media.unwrap_or(choices.media),
        skip: with_skipped(choices.skip, &args.skip),
        max_delete: args.max_delete.map(|limit| limit.to_string()).or(choices.max_delete),
        open: args.open.or(choices.open),
        ..choices
    }
}

fn difference(before: &Choices, now: &Choices) -> Flags {
    let before = before.to_flags();
    now.to_flags().into_iter().filter(|(name, value)| before.get(name) != Some(value)).collect()
}
