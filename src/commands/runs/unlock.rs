//! Breaks the lock of an abandoned run, after showing its holder: `runs unlock`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::git::Repository;
use crate::cli::UnlockArgs;
use crate::commands::reset_staging::runs;
use crate::commands::{Context, Outcome, confirm};
use crate::failure::{CommandError, FailureKind};
use crate::reset::unfinished::{Unfinished, unfinished};
use crate::reset::{ForgetsPlanning, OriginLock, open_repository};
use crate::runbook::{LockError, RunId, RunState};
use crate::settings::Environment;
use crate::words;

use super::Past;

/// The lock that was broken.
#[derive(Serialize, JsonSchema)]
pub struct Unlocked<'a> {
    run: &'a str,
    branch: &'a str,
    /// Who held it, in words.
    holder: String,
}

pub async fn run(context: &Context, args: &UnlockArgs) -> Result<Outcome, CommandError> {
    let run = RunId::parse(&args.run).ok_or_else(|| {
        let text = format!("{} is not the whole name of a run", args.run);
        CommandError::new(FailureKind::Usage, text).hint("bcops runs list")
    })?;
    confirm::check_names(&args.confirm, &[Some(run.as_str())])?;
    let repository = context.interrupt.guard(open_repository(context.deployments())).await?;
    let _planning = ForgetsPlanning::new(&repository);
    let runs = runs(context);
    let first = environment(context, &run, &args.environment)?;
    let looking = locked_by(context, &repository, &run, first);
    let environment = context.interrupt.guard(looking).await?;
    let branch = environment.branch.as_ref().ok_or_else(|| {
        CommandError::new(FailureKind::Configuration, format!("{} has no branch", environment.name))
            .hint(format!("set environments.{}.branch in bcops.toml", environment.name))
    })?;
    let lock = OriginLock::new(repository.clone(), branch);
    let looking = async { Ok(unfinished(&repository, branch, &runs).await?) };
    let found = context.interrupt.guard(looking).await?.filter(|found| found.lock.is_some());
    let Some(found) = found else { return Err(LockError::NotThere { run }.into()) };
    let Some(seen) = &found.lock else { return Err(LockError::NotThere { run }.into()) };
    if found.run != run {
        let error = LockError::Held { holder: Box::new(seen.holder.clone()) };
        return Err(error.into());
    }
    let is_busy = matches!(runs.summary(run.clone()).state, RunState::Running);
    context.ui.question(&description(&found, branch));
    confirm::check_can_be_asked(context, run.as_str(), &args.confirm)?;
    refuse_at_work(&found, is_busy, args.force)?;
    confirm::type_name(context, run.as_str(), &args.confirm)?;
    context.interrupt.guard(async { Ok(lock.break_seen(seen).await?) }).await?;
    let holder = seen.holder.to_string();
    let text = format!(
        "broke the lock of {branch}, which {holder} held\nto take over: bcops reset-{}",
        environment.name
    );
    Ok(Outcome::done(Unlocked { run: run.as_str(), branch, holder }, text))
}

/// The environment of the run, or the given one: the run may belong to another machine, or may have been
/// killed before it wrote its journal.
fn environment<'a>(
    context: &'a Context,
    run: &RunId,
    given: &str,
) -> Result<&'a Environment, CommandError> {
    let answers = Past::read(&runs(context), run.as_str()).and_then(|past| past.answers());
    let name = answers.map_or_else(|_| given.to_owned(), |answers| answers.options.destination);
    let environment = context.settings.environment(&name)?;
    environment.check_something_is_protected()?;
    Ok(environment)
}

/// The environment whose branch the run has locked: the first, or another unprotected one.
async fn locked_by<'a>(
    context: &'a Context,
    repository: &Repository,
    run: &RunId,
    first: &'a Environment,
) -> Result<&'a Environment, CommandError> {
    let others = context.settings.environments.values().filter(|one| !one.protected);
    for environment in std::iter::once(first).chain(others) {
        let Some(branch) = environment.branch.as_deref() else { continue };
        let seen = OriginLock::new(repository.clone(), branch).look().await?;
        if seen.is_some_and(|seen| seen.holder.run == *run) {
            return Ok(environment);
        }
    }
    Ok(first)
}

/// Refuses to break the lock of a run that may still work: without it the run would stop half-way.
fn refuse_at_work(found: &Unfinished, is_busy: bool, force: bool) -> Result<(), CommandError> {
    if force {
        return Ok(());
    }
    let now = Timestamp::now();
    let lives = is_busy || found.operator.lives() == Some(true);
    let is_recent = found.lock.as_ref().is_some_and(|seen| seen.holder.is_recent(now));
    let why = match (lives, is_recent) {
        (true, _) => format!("process {} still runs", found.operator.pid),
        (_, true) => {
            format!("it wrote to its lock {} ago", words::duration(found.age(now)))
        }
        _ => return Ok(()),
    };
    let run = &found.run;
    let text = format!("cannot break the lock of run {run}: {why}; nothing was changed");
    let error = CommandError::new(FailureKind::Refused, text);
    let ways = found.hints(now).into_iter().filter(|hint| !hint.contains("unlock"));
    let error = error.with_hints(ways);
    Err(error
        .hint(format!("if that process is dead: {} --confirm {run} --force", run.unlock_command())))
}

/// Who holds the lock, where and since when, when it was last seen, and whether its process runs.
fn description(found: &Unfinished, branch: &str) -> String {
    let now = Timestamp::now();
    let operator = &found.operator;
    let process = match operator.lives() {
        Some(true) => "still runs",
        Some(false) => "is gone",
        None => "is on another machine",
    };
    let since = found.lock.as_ref().and_then(|seen| seen.holder.since);
    let ago = |at: Timestamp| {
        let age = now.duration_since(at).try_into().unwrap_or_default();
        format!("{at:.0}, {} ago", words::duration(age))
    };
    let mut lines = vec![
        format!("the lock of {branch} on the origin"),
        format!("  run            {}", found.run),
        format!("  who            {}", operator.who),
        format!("  host           {}", operator.host),
        format!("  process        {} {process}", operator.pid),
        format!("  since          {}", since.map_or_else(|| "unknown".to_owned(), ago)),
        format!("  last seen      {}", ago(found.heard)),
        format!("  last step      {}", found.last_step().unwrap_or("none")),
    ];
    if found.before().has_closed || found.before().has_stopped {
        lines.push("  staging is in maintenance; the next reset opens it".to_owned());
    }
    lines.join("\n")
}
