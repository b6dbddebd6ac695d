//! Scrubs a database in place.

use serde_json::json;

use crate::adapters::postgres::Session;
use crate::cli::ScrubPiiArgs;
use crate::commands::scrub_target::{self, ScrubTarget};
use crate::commands::{Context, Outcome, confirm, findings, journal, unscrubbed};
use crate::deployment::manifest;
use crate::events::{Event, Reporter};
use crate::failure::{CommandError, FailureKind};
use crate::scrub::Manifest;
use crate::scrub::live::{self, Access, Depth, LiveReport};

use super::{limits, named, summary, vacuum};

pub async fn run(context: &Context, args: &ScrubPiiArgs) -> Result<Outcome, CommandError> {
    let manifest = manifest::load(&context.settings)?;
    let target = context.interrupt.guard(scrub_target::writable(context, named(args))).await?;
    if !args.dry_run {
        check_confirmation(context, args, &target)?;
    }
    let looking = async {
        let session = target.connect().await?;
        let seen = look(context, args, &manifest, &target, &session).await?;
        Ok((session, seen))
    };
    let (session, seen) = context.interrupt.guard(looking).await?;
    let before = summary::before(&target, &seen);
    if args.dry_run || args.yes {
        context.ui.message(&before);
    } else {
        context.ui.question(&before);
    }
    if args.dry_run {
        return Ok(summary::dry_run(&target, &seen));
    }
    if !args.yes {
        confirm::type_name(context, target.confirmation(), &args.confirm)
            .map_err(|error| local_hint(&target, error))?;
    }
    let outcome = apply(context, args, &manifest, &target, &seen, &session).await;
    let end = match &outcome {
        Ok(_) => json!({ "event": "done", "database": target.url.database }),
        Err(error) => {
            json!({ "event": "failed", "kind": error.kind, "database": target.url.database })
        }
    };
    // The scrub is committed, so a journal that cannot be written is a warning.
    if let Err(error) = journal::append(context, "scrub-pii", end) {
        context.ui.emit(Event::Warning(error.to_string()));
    }
    let report = outcome?;
    findings::warn_of_doubts(context, &report.audit);
    for warning in &report.warnings {
        context.ui.emit(Event::Warning(warning.clone()));
    }
    if target.is_local() && target.policy == "local" {
        let noted = unscrubbed::scrubbed(context, &session, &target.url.place()).await;
        if let Err(error) = noted {
            context.ui.emit(Event::Warning(error.to_string()));
        }
    }
    let done = summary::after(&target, &report);
    if args.vacuum
        && let Err(error) = vacuum::run(context, &session, &report, &limits(args)).await
    {
        // The scrub is reported in full, although the rewriting failed.
        context.ui.result(&done.text);
        return Err(error.with_result(done.result));
    }
    Ok(done)
}

/// Reads what the database holds, and counts what the rules would change.
async fn look(
    context: &Context,
    args: &ScrubPiiArgs,
    manifest: &Manifest,
    target: &ScrubTarget,
    session: &Session,
) -> Result<summary::Seen, CommandError> {
    let step = "look";
    let description = format!("Checking {}", target.url.database);
    context.ui.emit(Event::StepStarted { step, description });
    let limits = limits(args);
    // The numbers are for the question. Counting edits takes as long as making them.
    let answered = args.yes || !args.confirm.is_empty();
    let depth = if answered && !args.dry_run { Depth::Statements } else { Depth::Values };
    live::begin(session, Access::Read, &limits).await?;
    let (schema, plan) = live::look(session, manifest, &target.policy).await?;
    let pending = match live::pending(session, &plan, &schema, depth, &limits).await {
        Ok(pending) => pending,
        Err(error) => return Err(live::explain(session, error).await.into()),
    };
    session
        .batch_execute("ROLLBACK")
        .await
        .map_err(crate::adapters::postgres::PostgresError::from)?;
    for note in plan.notes().iter().filter(|_| context.ui.verbose()) {
        context.ui.emit(Event::Note(note.clone()));
    }
    summary::warn_of_unseen(context, &schema);
    let summary = format!("Checked {} tables", schema.schema.tables.len());
    context.ui.emit(Event::StepFinished { step, summary });
    Ok(summary::Seen { pending, plan, depth })
}

async fn apply(
    context: &Context,
    args: &ScrubPiiArgs,
    manifest: &Manifest,
    target: &ScrubTarget,
    seen: &summary::Seen,
    session: &Session,
) -> Result<LiveReport, CommandError> {
    let begun = json!({
        "event": "begun",
        "database": target.url.database,
        "place": target.url.place(),
        "environment": target.environment.as_ref().map(|(name, _)| name),
        "policy": target.policy,
    });
    journal::append(context, "scrub-pii", begun)?;
    let (limits, reporter) = (limits(args), context.reporter());
    let (policy, expected) = (target.policy.as_str(), seen.pending.as_slice());
    let work =
        async { Ok(live::scrub(session, manifest, policy, &limits, expected, &reporter).await?) };
    let scrubbed = context.interrupt.guard(work).await.map_err(|error| match error.kind {
        // The session ends with this process, and the server rolls back what was not committed.
        FailureKind::Interrupted => {
            CommandError::new(FailureKind::Interrupted, "interrupted; nothing was changed")
        }
        _ => error,
    })?;
    Ok(scrubbed.commit(session).await?)
}

/// Fails before any work where a later question could not be answered.
fn check_confirmation(
    context: &Context,
    args: &ScrubPiiArgs,
    target: &ScrubTarget,
) -> Result<(), CommandError> {
    let name = target.confirmation();
    confirm::check_names(&args.confirm, &[Some(name)])?;
    let answered = args.yes || args.confirm.iter().any(|given| given == name);
    if answered || context.ui.prompter().can_ask() {
        return Ok(());
    }
    let error = confirm::no_terminal(&format!("{} would be scrubbed", target.describe()))
        .hint(format!("confirm without a terminal: --confirm {name}"));
    Err(local_hint(target, error))
}

fn local_hint(target: &ScrubTarget, error: CommandError) -> CommandError {
    if target.is_local() {
        error.hint("scrub the local database without a question: --yes")
    } else {
        error
    }
}
