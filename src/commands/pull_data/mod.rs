//! `pull-data`: loads an environment's backup into the local database, scrubbed on the way.

pub(in crate::commands) mod backup;
mod journal;
mod next;
mod password;
mod prepare;
mod previous;
mod summary;
mod unbuilt;
mod unclassified;
mod undo;

use std::time::{Duration, Instant};

use crate::adapters::postgres::DatabaseUrl;
use crate::cli::PullDataArgs;
use crate::commands::{Context, Outcome, confirm, findings, unscrubbed};
use crate::deployment::{Marks, local};
use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::restore::databases::{Databases, Existing};
use crate::restore::{self, LoadReport, LoadTarget, NotKept};
use crate::scrub::Unclassified;

use next::NextStep;
use prepare::PreparedPull;

pub use previous::Dropped;
pub use summary::{Planned, Pulled};
pub use undo::Undone;

const SWAP_STEP: &str = "swap";

pub async fn run(context: &Context, args: &PullDataArgs) -> Result<Outcome, CommandError> {
    let started = Instant::now();
    let target = context.local_target(args.target.as_deref())?;
    local::on_this_machine(context.deployments(), &target)?;
    local::not_the_servers_own(&target)?;
    if args.undo {
        return undo::run(context, args, &target).await;
    }
    if args.drop_previous {
        return previous::drop(context, args, &target).await;
    }
    if let Some(name) = &args.environment {
        context.settings.environment(name)?;
    }
    let password = password::ask(context, args)?;
    let step = "look";
    let description = "Checking the target and the environments".to_owned();
    context.ui.emit(Event::StepStarted { step, description });
    let looking = async {
        let heroku = local::not_an_environments_own(
            context.deployments(),
            args.environment.as_deref(),
            &target,
        )
        .await?;
        let databases = Databases::lock(&target).await?;
        databases.check_may_replace().await?;
        let existing = databases.existing().await?;
        let current = &databases.names().current;
        let personal = unscrubbed::holds_personal_data(context, &databases, current).await?;
        Ok((heroku, databases, existing, personal))
    };
    let (heroku, databases, existing, personal) = context.interrupt.guard(looking).await?;
    let summary = format!("The target can be replaced: {} on {}", target.database, target.place());
    context.ui.emit(Event::StepFinished { step, summary });
    if !args.dry_run {
        check_confirmations(context, args, &existing, databases.names().current.as_str())?;
    }
    let backup = context.interrupt.guard(backup::find(context, args, heroku)).await?;
    let step = "contents";
    let description = format!("Reading the contents of {}", backup.describe());
    context.ui.emit(Event::StepStarted { step, description });
    let opening = context.interrupt.guard(prepare::open(context, args, &databases, backup)).await;
    let prepared = match opening {
        Ok(prepared) => prepared,
        Err(error) => {
            // An interrupt may have left the database in which values were evaluated.
            let _ = databases.drop_scratch().await;
            return Err(error);
        }
    };
    let summary = format!("Contents read: {} tables", prepared.tables());
    context.ui.emit(Event::StepFinished { step, summary });
    let before = summary::before(&prepared, &databases, &existing, personal, args);
    if existing.current.is_some() && !args.yes {
        context.ui.question(&before)
    } else {
        context.ui.message(&before)
    }
    if args.dry_run {
        return Ok(summary::dry_run(&prepared, &databases));
    }
    if existing.current.is_some() {
        confirm_replacement(context, args, &databases)?;
    }
    journal::begin(context, args, &prepared, &databases)?;
    let pulled = async {
        let loaded = fill(context, args, prepared, &databases, password).await?;
        swap(context, args, &databases).await?;
        Ok(loaded)
    }
    .await;
    let took = started.elapsed();
    let loaded = match pulled {
        Ok(loaded) => loaded,
        Err(error) => {
            warn_if_unwritten(context, journal::failed(context, &error));
            return Err(error);
        }
    };
    findings::warn_of_replaced(context, &loaded.report.audit);
    findings::warn_of_doubts(context, &loaded.report.audit);
    let kept = previous::after_a_pull(context, &databases).await;
    let script = unbuilt::keep(context, &loaded.report, &databases.names().current);
    let after = |kept, next: &[NextStep]| {
        summary::after(&loaded, &databases, kept, args, script.as_ref(), took, next)
    };
    // The journal holds no name of a row, which the next steps may.
    warn_if_unwritten(context, journal::done(context, &after(kept, &[])));
    let kept = previous::offer_to_drop(context, args, &databases, kept, loaded.scrubbed).await;
    Ok(after(kept, &next::steps(context, args, &loaded, &target).await))
}

/// The work is done, so a journal that cannot be written is a warning.
fn warn_if_unwritten(context: &Context, written: Result<(), CommandError>) {
    if let Err(error) = written {
        context.ui.emit(Event::Warning(error.to_string()));
    }
}

/// Fails before any work where a later question could not be answered, or where `--confirm` names
/// something that is not asked for.
fn check_confirmations(
    context: &Context,
    args: &PullDataArgs,
    existing: &Existing,
    name: &str,
) -> Result<(), CommandError> {
    let app = match (&args.environment, args.capture) {
        (Some(environment), true) => Some(&context.settings.environment(environment)?.app.value),
        _ => None,
    };
    confirm::check_names(&args.confirm, &[Some(name), app.map(String::as_str)])?;
    let given = |name: &str| args.confirm.iter().any(|given| given == name);
    let answered = args.yes || existing.current.is_none() || given(name);
    if answered || context.ui.prompter().can_ask() {
        return Ok(());
    }
    let what = format!("the local database {name} would be replaced");
    Err(confirm::no_terminal(&what).hint("replace it without a question: --yes"))
}

fn confirm_replacement(
    context: &Context,
    args: &PullDataArgs,
    databases: &Databases,
) -> Result<(), CommandError> {
    if args.yes {
        return Ok(());
    }
    confirm::type_name(context, &databases.names().current, &args.confirm)
        .map_err(|error| error.hint("or, for the local database only: --yes"))
}

/// What a pull brought.
pub struct Loaded {
    pub report: LoadReport,
    pub superusers: Vec<String>,
    pub scrubbed: bool,
    pub source: String,
    pub emptied: Unclassified,
}

/// Fills the database beside the one in use, and drops it again if anything goes wrong.
async fn fill(
    context: &Context,
    args: &PullDataArgs,
    prepared: PreparedPull,
    databases: &Databases,
    password: Option<password::LocalPassword>,
) -> Result<Loaded, CommandError> {
    let work = async {
        let PreparedPull { backup, archive, extensions, emptied } = prepared;
        let (incoming, not_kept) = databases.create_incoming(archive.contents.encoding()).await?;
        warn_of_lost(context, &not_kept);
        let source = backup.describe();
        let scrubbed = archive.scrub.is_some();
        if !scrubbed {
            unscrubbed::mark_incoming(context, databases).await?;
        }
        let jobs = args.jobs.map_or_else(restore::default_jobs, usize::from);
        let target = LoadTarget {
            url: incoming.clone(),
            extensions,
            jobs,
            lock_timeout: Duration::ZERO,
            count_rows: false,
        };
        let report = archive.load(target, context.reporter()).await?;
        mark(context, databases, &incoming).await;
        let superusers = match password {
            Some(password) => password.give(&incoming, &context.settings.local.users_table).await?,
            None => Vec::new(),
        };
        Ok(Loaded { report, superusers, scrubbed, source, emptied })
    };
    let result = context.interrupt.guard(work).await;
    if result.is_err()
        && let Err(error) = databases.drop_incoming().await
    {
        context.ui.emit(Event::Warning(format!(
            "cannot drop the half-filled database ({error}); the next pull drops it"
        )));
    }
    result
}

/// A lost property is a warning, because the data is in its place.
fn warn_of_lost(context: &Context, not_kept: &[NotKept]) {
    for one in not_kept {
        context.ui.emit(Event::Warning(one.to_string()));
    }
}

/// Leaves a mark in the new database, by which a later command knows it without a network.
async fn mark(context: &Context, databases: &Databases, incoming: &DatabaseUrl) {
    let marks = Marks::in_state_folder(&context.settings.state_directory.value);
    if let Err(error) = marks.leave_in(databases.session(), &incoming.database).await {
        let text = format!(
            "cannot mark the new database as this machine's own ({error}); without Heroku, the next pull may refuse it"
        );
        context.ui.emit(Event::Warning(text));
    }
}

async fn swap(
    context: &Context,
    args: &PullDataArgs,
    databases: &Databases,
) -> Result<(), CommandError> {
    let name = &databases.names().current;
    context.ui.emit(Event::StepStarted {
        step: SWAP_STEP,
        description: format!("Putting the new database in place as {name}"),
    });
    match databases.swap_in(!args.no_keep_previous).await {
        Ok(swapped) => {
            warn_of_lost(context, &swapped.not_kept);
            if let Some(error) = swapped.not_dropped {
                context.ui.emit(Event::Warning(format!(
                    "cannot drop the replaced database ({error}); the next pull drops it"
                )));
            }
        }
        Err(error) => {
            // The renames are one transaction, so the old database is still in its place. The next
            // pull drops what cannot be dropped now.
            let _ = databases.drop_incoming().await;
            return Err(error.into());
        }
    }
    context.ui.emit(Event::StepFinished { step: SWAP_STEP, summary: format!("{name} replaced") });
    Ok(())
}
