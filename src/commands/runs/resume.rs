//! Resumes a run where it stopped: `runs resume`.

use std::sync::Arc;

use crate::cli::ResumeArgs;
use crate::commands::reset_staging::{
    ended, on_conflict, register_secrets, runs, setup, stages, target, world_of,
};
use crate::commands::{Context, Outcome};
use crate::failure::{CommandError, FailureKind};
use crate::reset::unfinished::refuse_stale;
use crate::reset::{Answers, ForgetsPlanning, Stage, refuse_replaced};
use crate::runbook::{Engine, Flags, Redactor, Runs};

use super::{Past, elsewhere};

pub async fn run(context: &Context, args: &ResumeArgs) -> Result<Outcome, CommandError> {
    let runs = runs(context);
    let past = match Past::read(&runs, &args.run) {
        Ok(past) => past,
        Err(error) => return Err(elsewhere_or(context, &runs, &args.run, error).await),
    };
    let before = past.answers()?;
    let skip = stages(&args.skip)?;
    refuse_too_late(&past, args, &skip)?;
    let answers = changed(before.clone(), args, &skip);
    let flags = difference(&before, &answers);
    let world = world_of(context, answers).await?;
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

/// A run of another machine can be resumed only there: its journal holds what its steps found.
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
    error.with_hints(found.hints(now))
}

/// Refuses answers to steps that are done, and to skip a stage that has begun.
fn refuse_too_late(past: &Past, args: &ResumeArgs, skip: &[Stage]) -> Result<(), CommandError> {
    let steps = past.journal.beginning().map(|began| began.steps.as_slice()).unwrap_or_default();
    let too_late = |text: String| {
        CommandError::new(FailureKind::Usage, text)
            .hint(format!("bcops runs show {}   # shows how far the run came", past.id))
    };
    if args.media.is_some() && past.history.step("copy-media").is_over() {
        return Err(too_late("cannot change --media: the run has copied the media".to_owned()));
    }
    for stage in skip {
        let begun = steps.iter().filter(|step| step.stage == stage.name()).find(|step| {
            let history = past.history.step(&step.id);
            // Media that were copied in part stay, so the stage media may still be skipped.
            history.is_over() || (history.may_have_acted && *stage != Stage::Media)
        });
        if let Some(step) = begun {
            let text = format!("cannot skip {stage}: its step {} has begun", step.id);
            return Err(too_late(text));
        }
    }
    Ok(())
}

/// The answers of the run, changed by the flags of this command.
fn changed(answers: Answers, args: &ResumeArgs, more: &[Stage]) -> Answers {
    let Answers { mut options, .. } = answers.clone();
    options.agreed |= args.attest.is_some();
    if let Some(flag) = &args.on_conflict {
        options.on_conflict = on_conflict(flag);
    }
    options.media = args.media.unwrap_or(options.media);
    for stage in more {
        if options.runs(*stage) {
            options.skip.push(*stage);
        }
    }
    options.max_delete = args.max_delete.or(options.max_delete);
    options.open = args.open.or(options.open);
    Answers { options, ..answers }
}

fn difference(before: &Answers, now: &Answers) -> Flags {
    let before = before.to_flags();
    now.to_flags().into_iter().filter(|(name, value)| before.get(name) != Some(value)).collect()
}
