//! The commit that was deployed before the run, kept for a rollback that has to build it.
//!
//! Mostly it is the old tip of staging's branch, or below it. It need not be: somebody may have pushed
//! to Heroku alone, and then nothing but Heroku's own repository has it, until the deploy overwrites
//! that.

use crate::adapters::git::{Oid, Repository};
use crate::reset::values::ReleaseSeen;
use crate::reset::world::Reset;
use crate::runbook::{StepContext, StepResult};

use super::building::tip_at_heroku;
use super::short;

/// Sees to it that the commit of the release can be had after the deploy, or warns that it cannot.
pub(super) async fn keep(
    world: &Reset,
    context: &StepContext,
    before: &ReleaseSeen,
) -> StepResult<()> {
    let Some(commit) = before.whole_commit() else {
        context.warn(format!(
            "Heroku does not say which commit v{} runs: a rollback of this run can only ask Heroku \
             to roll back",
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
            "the commit {} that {} runs is neither on the origin nor in Heroku's repository: a \
             rollback of this run can only ask Heroku to roll back",
            short(commit),
            world.app_name()
        ));
        return Ok(());
    }
    repository.back_up_deployed(commit).await?;
    Ok(())
}

/// The repository with the commit in it, from wherever it is kept.
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

/// Whether a branch of the origin has the commit, or the tip that the run keeps there: by the time of
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
