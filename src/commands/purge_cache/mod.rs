//! `purge-cache`: purges an environment's pages from Cloudflare, and clears Django's cache.
//!
//! Django's cache is cleared first. Otherwise Cloudflare could fetch pages that Django makes from
//! its old cache.

mod items;
mod report;

use serde_json::json;

use crate::caches::{self, BackendCache, Ending, Keys, Work, clear_backend, count_backend};
use crate::cli::PurgeCacheArgs;
use crate::commands::{Context, Outcome, confirm, journal};
use crate::deployment::{Reading, Zone, check_hosts, find_front_end};
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::settings::Environment;
use crate::words;

pub use report::Report;

const BACKEND_STEP: &str = "backend";

/// All that is known before the first change.
struct PreparedPurge {
    backend: Option<(BackendCache, caches::CacheScope)>,
    zone: Option<Zone>,
}

pub async fn run(context: &Context, args: &PurgeCacheArgs) -> Result<Outcome, CommandError> {
    let environment = context.settings.environment(&args.environment)?;
    environment.check_something_is_protected()?;
    if args.backend.is_some() && environment.protected {
        return Err(protected_backend(environment));
    }
    let work = items::work(args)?;
    let preparing = prepare(context, args, environment, work.as_ref());
    let prepared = context.interrupt.guard(preparing).await?;
    let mut report = Report::new(environment, args.dry_run, work.as_ref(), prepared.zone.as_ref());
    if let Some((cache, what)) = &prepared.backend {
        let counting = async { Ok(count_backend(cache, *what).await?) };
        report.backend(cache, *what, context.interrupt.guard(counting).await?);
    }
    if args.dry_run {
        return Ok(report.outcome());
    }
    ask(context, args, environment, &prepared, &report)?;
    let line = json!({ "event": "begun", "environment": environment.name, "plan": report });
    journal::append(context, "purge-cache", line)?;
    let outcome = act(context, &prepared, work.as_ref(), report).await;
    let line = match &outcome {
        Ok(outcome) => json!({ "event": "done", "result": outcome.result }),
        Err(error) => json!({ "event": "failed", "kind": error.kind }),
    };
    if let Err(error) = journal::append(context, "purge-cache", line) {
        context.ui.emit(Event::Warning(error.to_string()));
    }
    outcome
}

fn protected_backend(environment: &Environment) -> CommandError {
    CommandError::new(
        FailureKind::Refused,
        format!(
            "{} ({}) is protected: its front-end cache can be purged on request, but Django's cache is never cleared; nothing was changed",
            environment.name, environment.app.value
        ),
    )
    .hint("purge pages from Cloudflare only: leave out --backend")
}

/// Looks everything up, and refuses what belongs to a protected environment.
async fn prepare(
    context: &Context,
    args: &PurgeCacheArgs,
    environment: &Environment,
    work: Option<&Work>,
) -> Result<PreparedPurge, CommandError> {
    let deployments = context.deployments();
    if environment.protected {
        let Some(work) = work else { return Ok(PreparedPurge { backend: None, zone: None }) };
        let Reading { values, .. } = deployments.reading(environment).await?;
        let zone = find_front_end(deployments, environment, &values).await?;
        check_hosts(deployments, environment, &values, &zone, work).await?;
        return Ok(PreparedPurge { backend: None, zone: Some(zone) });
    }
    let destination = environment.as_destination()?;
    let writing = deployments.writing(&destination).await?;
    let backend = match args.backend {
        Some(part) => Some((writing.cache().await?, part)),
        None => None,
    };
    let zone = match work {
        Some(work) => {
            let zone = writing.front_end().await?;
            check_hosts(deployments, environment, &writing.values, &zone, work).await?;
            Some(zone)
        }
        None => None,
    };
    Ok(PreparedPurge { backend, zone })
}

/// Shows the plan, and asks for a whole zone or a zone of a protected environment.
fn ask(
    context: &Context,
    args: &PurgeCacheArgs,
    environment: &Environment,
    prepared: &PreparedPurge,
    report: &Report,
) -> Result<(), CommandError> {
    let label = prepared.zone.as_ref().map(|zone| zone.front_end.label());
    confirm::check_names(&args.confirm, &[Some(label.unwrap_or(&environment.app.value))])?;
    match label {
        Some(label) if args.everything || environment.protected => {
            context.ui.question(&report.plan());
            confirm::type_name(context, label, &args.confirm)
        }
        _ => {
            context.ui.message(&report.plan());
            Ok(())
        }
    }
}

async fn act(
    context: &Context,
    prepared: &PreparedPurge,
    work: Option<&Work>,
    mut report: Report,
) -> Result<Outcome, CommandError> {
    if let Some((cache, what)) = &prepared.backend {
        let description = format!("Clearing {}", cache.place());
        context.ui.emit(Event::StepStarted { step: BACKEND_STEP, description });
        let clearing = async { Ok(clear_backend(cache, *what).await?) };
        let cleared: Keys = context.interrupt.guard(clearing).await.map_err(|error| {
            error.hint("run the same command again: some keys may be gone, and it clears the rest")
        })?;
        report.cleared(cleared);
        let summary = format!("Cleared {}", words::plural(cleared.keys, "key"));
        context.ui.emit(Event::StepFinished { step: BACKEND_STEP, summary });
    }
    let (Some(zone), Some(work)) = (&prepared.zone, work) else { return Ok(report.outcome()) };
    let description = format!("Purging {}", zone.front_end.label());
    context.ui.emit(Event::StepStarted { step: caches::STEP, description });
    let client = &zone.client;
    let stop = context.interrupt.pressed();
    let purged = caches::purge(client, &zone.front_end, work, stop, &context.reporter()).await;
    let whole = matches!(purged.ending, Ending::Done);
    report.purged(purged);
    if whole {
        let summary = report.done_line();
        context.ui.emit(Event::StepFinished { step: caches::STEP, summary });
        return Ok(report.outcome());
    }
    Err(report.failure(context, client).await)
}
