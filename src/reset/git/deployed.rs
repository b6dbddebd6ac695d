//! Keeps the commit that was deployed before the run, for a rollback that has to build it.
//!
//! Usually the commit is the old tip of staging's branch, or an ancestor of it. But someone may
//! have pushed only to Heroku. Then only Heroku's own repository has the commit, until the deploy
//! overwrites it.

use crate::adapters::git::{Oid, Repository};
use crate::reset::values::ReleaseSeen;
use crate::reset::world::Reset;
use crate::runbook::{StepContext, StepResult};

use super::building::tip_at_heroku;
use super::short;

/// Makes sure that the commit of the release is still available after the deploy, or warns that it
/// is not.
pub(super) async fn keep(
    world: &Reset,
    context: &StepContext,
    before: &ReleaseSeen,
) -> StepResult<()> {
    let Some(commit) = before.whole_commit() else {
        context.warn(format!(
            "Heroku does not say which commit v{} runs; a rollback of this run can only use \
             Heroku's own rollback",
            before.version
        ));
        return Ok(());
    };
    let repository = world.repository(context)?;
    if is_on_origin(world, &repository, commit)? {
        return Ok(());
    }
    let (reference, there) = tip_at_heroku(world, &repository).await?;
    let known = repository.has_commit(commit)?
        || (there.is_some()
            && repository.fetch_deployed(&world.destination.remote, &reference, commit).await?);
    if !known {
        context.warn(format!(
            "the commit {} that {} runs is neither on the origin nor in Heroku's repository; a \
             rollback of this run has to use Heroku's rollback",
            short(commit),
            world.app_name()
        ));
        return Ok(());
    }
    repository.back_up_deployed(commit).await?;
    Ok(())
}

/// Fetches the commit into the repository, from wherever it is kept. Returns whether it was found.
pub(super) async fn find(repository: &Repository, commit: Oid) -> StepResult<bool> {
    if repository.has_commit(commit)? {
        return Ok(true);
    }
    repository.backed_up_tip().await?;
    repository.backed_up_deployed().await?;
    if !repository.has_commit(commit)? {
        repository.fetch_branches(None).await?;
    }
    Ok(repository.has_commit(commit)?)
}

/// Whether the origin has the commit, on a branch or below the tip that the run keeps there. Before
/// a second attempt the branch itself may have moved.
fn is_on_origin(world: &Reset, repository: &Repository, commit: Oid) -> StepResult<bool> {
    if !repository.has_commit(commit)? {
        return Ok(false);
    }
    let kept = world.answers.staging;
    if repository.has_commit(kept)? && repository.contains(kept, commit)? {
        return Ok(true);
    }
    for branch in repository.fetched_branches()? {
        if repository.contains(branch.commit, commit)? {
            return Ok(true);
        }
    }
    Ok(false)
}
