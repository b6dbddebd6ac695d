//! Resets staging: looks, asks, plans, and starts the runbook engine: `reset-staging`.
//!
//! Nothing is changed before every question is answered, the guards have compared each destination
//! with what is protected, and the person typed the app's name.

mod answers;
mod ask;
mod end;
mod forecast;
mod observed;
mod openness;
mod picker;
mod plan;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::adapters::git::{GitError, Repository};
use crate::cli::ResetArgs;
use crate::commands::{Context, Outcome, confirm, unfinished};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::json;
use crate::reset::{
    self, Answers, ForgetsPlanning, LookAgain, OriginLock, Preset, Reset, Stage, resolve,
};
use crate::runbook::{Beginning, Engine, Operator, Plan, Redactor, Runs, Setup};
use crate::ui::Stream;

pub use answers::{on_conflict, stages};
pub use end::{Ended, ended};
pub use plan::target;

pub const COMMAND: &str = "reset-staging";
const DEFAULT_ENVIRONMENT: &str = "staging";

/// With `--dry-run` or `--plan-out`.
#[derive(Serialize, JsonSchema)]
pub struct Planned<'a> {
    /// Always true.
    dry_run: bool,
    /// The plan, as `--plan-out` writes it. With that flag, the file's name.
    plan: Value,
    /// With `--plan-out` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a str>,
    preview: forecast::ForecastDocument<'a>,
}

pub async fn run(context: &Context, args: &ResetArgs) -> Result<Outcome, CommandError> {
    let name = args.environment.as_deref().unwrap_or(DEFAULT_ENVIRONMENT);
    let destination = context.settings.environment(name)?.as_destination()?;
    let app = destination.app.value.clone();
    let approved = args.plan.as_deref().map(Plan::read).transpose()?;
    let looks_only = args.dry_run || args.plan_out.is_some();
    if !looks_only {
        confirm::check_names(&args.confirm, &[Some(&app)])?;
    }
    let looking = unfinished::before_reset(context, &destination, looks_only);
    let values = context.interrupt.guard(looking).await?;
    let (kept, preset) = (reset::kept_backup(&values), Preset::of(&values));
    let given = answers::Given::of(args, approved.as_ref(), name)?;
    let source = context.settings.environment(&given.options.source)?.clone();
    if !looks_only {
        given.check_can_be_asked(context, &app, &args.confirm)?;
    }
    let sides = context
        .interrupt
        .guard(resolve(context.deployments(), &source, &destination, &given.options))
        .await?;
    if given.options.runs(Stage::Git) {
        check_identity(context, &sides.repository, looks_only).await?;
    }
    let survey = {
        // Dropped before the first question: Ctrl-C at a question ends the program at once.
        let _planning = ForgetsPlanning::new(&sides.repository);
        let looking = reset::survey(
            &*context.ui,
            &sides,
            (&given.options, given.backup_name()),
            kept.as_ref(),
            &preset,
        );
        context.interrupt.guard(looking).await?
    };
    let given = match given.asks_for_branches(context, &survey) {
        true => {
            let names = reset::conflicting(&sides.repository, &sides.branches, &survey.inventory);
            given.with_conflicting(context.interrupt.guard(names).await?)
        }
        false => given,
    };
    let mut answers = answers::decide(context, &given, &survey, args.dry_run)?;
    let merging = match answers.leaves_out(Stage::Git) {
        true => None,
        false => {
            let preview = reset::preview(&sides.repository, &sides.branches, &answers);
            Some(context.interrupt.guard(preview).await?)
        }
    };
    if let Some(merging) = merging.as_ref().filter(|_| !looks_only) {
        answers::settle_conflicts(context, &given, merging, &mut answers)?;
    }
    let world = Arc::new(Reset { sides, answers });
    let runbook = reset::runbook(&world)?;
    plan::check_backed_up(&world)?;
    let plan = plan::make(&world, &runbook, &survey);
    if let Some(approved) = &approved {
        plan::check_fresh(approved, &world, &runbook, &survey)?;
    }
    let redactor = Arc::new(Redactor::new());
    register_secrets(&redactor, &world);
    let forecast = forecast::Forecast::of(context, &world, &plan, &survey, merging);
    let forecast = context.interrupt.guard(forecast).await?;
    let stream = if looks_only { Stream::Results } else { Stream::Messages };
    let text = plan::text(&world, &plan, &survey, &forecast, stream);
    let preview = forecast.document(&world, &survey);
    if let Some(path) = &args.plan_out {
        plan.write(path, &redactor)?;
        context.ui.message(&text);
        let said = format!(
            "the plan is in {0}; nothing was changed\nto run it: bcops reset-staging --plan {0}",
            path.display()
        );
        let (plan, digest) = (json::document(path), Some(plan.digest()));
        return Ok(Outcome::done(Planned { dry_run: true, plan, digest, preview }, said));
    }
    if args.dry_run {
        let plan = json::document(&plan);
        let planned = Planned { dry_run: true, plan, digest: None, preview };
        return Ok(Outcome::done(planned, format!("{text}\ndry run: nothing was changed")));
    }
    // Before the plan: its last lines, directly above the question, are what is lost.
    confirm::print_origins(context);
    context.ui.question(&text);
    confirm::type_name(context, &app, &args.confirm)?;
    let beginning = Beginning {
        command: COMMAND.to_owned(),
        target: plan.target.clone(),
        plan_digest: Some(plan.digest().to_owned()),
        flags: plan.flags.clone(),
        values,
    };
    let runs = runs(context);
    let setup = Setup { expected: forecast.expected(), ..setup(context, &world, redactor)? };
    let engine = Engine::begin(setup, &runs, beginning)?;
    let run = engine.id().clone();
    context.ui.message(&format!("run {run}"));
    let result = engine.run().await;
    ended(context, &world, &run, result).await
}

/// Merges need an author. A missing one is an error before a backup is made. A dry run only warns,
/// because someone else may run the plan.
async fn check_identity(
    context: &Context,
    repository: &Repository,
    looks_only: bool,
) -> Result<(), CommandError> {
    match repository.identity().await {
        Ok(_) => Ok(()),
        Err(error @ GitError::NoIdentity { .. }) if looks_only => {
            context.ui.emit(Event::Warning(format!("{error}; the reset needs both")));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

pub fn runs(context: &Context) -> Runs {
    Runs::in_state_folder(&context.settings.state_directory.value)
}

/// What the engine works with, for a run that begins or resumes.
pub fn setup(
    context: &Context,
    world: &Arc<Reset>,
    redactor: Arc<Redactor>,
) -> Result<Setup<Reset>, CommandError> {
    Ok(Setup {
        runbook: reset::runbook(world)?,
        lock: Arc::new(OriginLock::new(world.repository.clone(), &world.branches.staging)),
        guard: Arc::new(LookAgain::new(world.clone(), context.reporter(), context.home.clone())),
        interrupt: context.interrupt.of_a_run(),
        reporter: context.reporter(),
        redactor,
        operator: Operator::of_this_process(world.operator.clone()),
        environment: world.destination.named(),
        expected: None,
        consumers: Vec::new(),
    })
}

/// Registers the secrets of this process, so nothing that it writes shows them.
pub fn register_secrets(redactor: &Redactor, world: &Reset) {
    for url in [&world.source.url, &world.destination.url] {
        if let Some(password) = &url.password {
            redactor.register(password);
        }
    }
    if let Some(sides) = &world.media {
        sides.secrets.iter().for_each(|secret| redactor.register(secret));
    }
    for secret in world.secrets.iter().chain(&world.slack) {
        redactor.register(secret);
    }
}

/// The world of a run that is resumed or rolled back, from the flags in its journal.
pub async fn world_of(context: &Context, answers: Answers) -> Result<Arc<Reset>, CommandError> {
    let destination = context.settings.environment(&answers.destination)?.as_destination()?;
    let source = context.settings.environment(&answers.source)?.clone();
    let sides = context
        .interrupt
        .guard(resolve(context.deployments(), &source, &destination, &answers))
        .await?;
    Ok(Arc::new(Reset { sides, answers }))
}

fn unexpected(text: impl Into<String>) -> CommandError {
    CommandError::new(FailureKind::Unexpected, text)
}
