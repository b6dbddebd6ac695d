//! Checks that staging still has the commits of a run that was stopped.
//!
//! After a lock was broken, another operator may have reset staging. The older run would then
//! deploy a commit that is no longer on staging's branch.

use crate::failure::{CommandError, FailureKind};
use crate::reset::values::{MERGED, Merged};
use crate::reset::world::Reset;
use crate::runbook::{History, RunId};

use super::short;

/// Refuses to continue if the run has pushed and the origin's branch no longer contains its commit.
/// Later commits of colleagues are allowed.
pub async fn refuse_replaced(
    world: &Reset,
    run: &RunId,
    history: &History,
) -> Result<(), CommandError> {
    let push = history.step("push");
    let merged = history.value(MERGED.name());
    let (true, Some(merged)) = (push.is_finished() && !push.is_undone(), merged) else {
        return Ok(());
    };
    let unreadable = |error| {
        let text = format!("cannot read what the run {run} has pushed");
        CommandError::new(FailureKind::Unexpected, text).with_cause(error)
    };
    let merged: Merged = serde_json::from_value(merged.clone()).map_err(unreadable)?;
    let ours = merged.tip;
    let repository = world.repository.for_run(run.as_str())?;
    let branch = &world.branches.staging;
    let branches = repository.fetch_branches(None).await?;
    let now = branches.iter().find(|one| one.name == *branch).map(|one| one.commit);
    if let Some(now) = now
        && repository.contains(now, ours)?
    {
        return Ok(());
    }
    let now = now.map_or_else(|| "gone".to_owned(), |now| format!("at {}", short(now)));
    let text = format!(
        "someone has reset {branch} since: it is {now} and no longer contains {} of the run {run}; \
         nothing was changed",
        short(merged.tip)
    );
    Err(CommandError::new(FailureKind::Refused, text).hint("begin a new run"))
}
