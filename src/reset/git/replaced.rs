//! Whether staging is still what a run that stood still has made of it.
//!
//! A lock can be broken, and then somebody else may have reset staging in the meantime. Going on
//! with the older run would deploy a commit that is on staging's branch no more.

use crate::failure::{CommandError, FailureKind};
use crate::reset::values::{MERGED, Merged};
use crate::reset::world::Reset;
use crate::runbook::{History, RunId};

use super::short;

/// Refuses to go on where the run has pushed and the origin's branch does not hold its commit any
/// more. What colleagues have pushed on top of it is no obstacle.
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
        let text = format!("the run {run} does not tell what it has pushed");
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
        "{branch} is {now} and no longer holds {}, which the run {run} has pushed: somebody has \
         reset it since; nothing was changed",
        short(merged.tip)
    );
    Err(CommandError::new(FailureKind::Refused, text).hint("begin a new run"))
}
