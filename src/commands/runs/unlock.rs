//! `runs unlock`: breaks the lock of a run that is dead, which has to be named in full.

use serde_json::json;

use crate::cli::UnlockArgs;
use crate::commands::reset_staging::{open_repository, runs};
use crate::commands::{Context, Outcome};
use crate::error::{CommandError, Kind};
use crate::reset::OriginLock;
use crate::runbook::{RunId, RunLock, RunState, StoreError};

use super::Past;

pub async fn run(context: &Context, args: &UnlockArgs) -> Result<Outcome, CommandError> {
    let run = RunId::parse(&args.run).ok_or_else(|| {
        let text = format!("{} is not the whole name of a run", args.run);
        CommandError::new(Kind::Usage, text).hint("bcops runs list")
    })?;
    let runs = runs(context);
    // It may be a run of another machine, or one that was killed before it wrote what it is for.
    let choices = Past::read(&runs, run.as_str()).and_then(|past| past.choices());
    let environment =
        choices.map_or_else(|_| args.environment.clone(), |choices| choices.destination);
    if matches!(runs.summary(run.clone()).state, RunState::Running) {
        return Err(StoreError::Busy { run }.into());
    }
    let environment = context.settings.environment(&environment)?;
    environment.check_something_is_protected()?;
    let branch = environment.branch.as_ref().ok_or_else(|| {
        CommandError::new(Kind::Configuration, format!("{} has no branch", environment.name))
    })?;
    let repository = context.interrupt.guard(open_repository(context)).await?;
    let lock = OriginLock::new(repository.clone(), branch);
    let holder = lock.break_of(&run).await?;
    repository.forget()?;
    if !runs.path(&run).exists() {
        // Reading the lock of a run of another machine has left a ref here.
        repository.for_run(run.as_str())?.forget()?;
    }
    let text = format!("the lock of {branch} is broken; it was held by {holder}");
    let result = json!({ "run": run.as_str(), "branch": branch, "holder": holder });
    Ok(Outcome::done(result, text))
}
