//! Puts back the code that ran before a deploy.
//!
//! If Heroku has slugs, it is asked to roll back. The container stack has no slugs, and Heroku can
//! refuse a rollback on any stack. Then the old commit is built and released again.

use crate::adapters::git::Oid;
use crate::adapters::heroku::{HerokuError, Release, Releases};
use crate::failure::{CommandError, FailureKind};
use crate::reset::values::{RELEASE_BEFORE, ReleaseSeen};
use crate::reset::world::{Reset, Sides};
use crate::runbook::{Evidence, StepContext, StepResult};

use super::building::{BACK, Building, let_all_end};
use super::{deployed, short};

/// How the old code is put back.
enum Way {
    Nothing,
    /// By Heroku's own rollback, or by a build of the commit if Heroku refuses.
    Rollback(Release, Option<Oid>),
    Build(Oid),
    /// Heroku has nothing to roll back to, and the commit is not known.
    None,
}

impl Way {
    fn of(releases: &Releases, before: &ReleaseSeen) -> Way {
        if runs_as_before(releases, before) {
            return Way::Nothing;
        }
        let (old, commit) = (releases.by_id(&before.id), before.whole_commit());
        match (old, commit) {
            // Without a slug or an image, Heroku has nothing to roll back to.
            (Some(old), commit) if old.image().is_some() || commit.is_none() => {
                Way::Rollback(old.clone(), commit)
            }
            (_, Some(commit)) => Way::Build(commit),
            _ => Way::None,
        }
    }
}

/// Describes what a rollback will do about the code, for the confirmation.
pub async fn way_back_in_words(
    world: &Sides,
    before: &ReleaseSeen,
) -> Result<String, CommandError> {
    let app = world.app_name();
    let releases = world.releases().await?;
    Ok(match Way::of(&releases, before) {
        Way::Nothing => format!("{app} already runs the code from before the run"),
        Way::Rollback(old, Some(commit)) => format!(
            "Heroku rolls {app} back to v{}; if it refuses, it builds {} again",
            old.version,
            short(commit)
        ),
        Way::Rollback(old, None) => format!(
            "Heroku rolls {app} back to v{}; there is no other way, because its commit is not \
             known",
            old.version
        ),
        Way::Build(commit) => format!(
            "Heroku builds {} for {app} again and releases it, which takes as long as a deploy",
            short(commit)
        ),
        Way::None => format!(
            "the code of {app} stays: v{} is no longer listed and its commit is not known",
            before.version
        ),
    })
}

/// Whether the current release is the one from before, or runs the same code.
pub(super) fn runs_as_before(releases: &Releases, before: &ReleaseSeen) -> bool {
    let Some(now) = releases.current() else { return false };
    if now.id == before.id {
        return true;
    }
    let old = releases.by_id(&before.id);
    let same_image = old.is_some_and(|old| old.image().is_some() && old.image() == now.image());
    let same_commit =
        before.whole_commit().is_some_and(|commit| releases.runs(now, &commit.to_string()));
    same_image || same_commit || releases.has_code_of(now, before.version)
}

pub(super) async fn go(world: &Reset, context: &StepContext) -> StepResult<Evidence> {
    let Some(before) = context.get(&RELEASE_BEFORE)? else {
        return Ok(Evidence::of("Nothing was deployed"));
    };
    let app = world.app_name();
    // A build of a killed attempt continues by itself, and its release would replace the old code.
    let_pushed_end(world, context).await?;
    let releases = world.releases().await?;
    match Way::of(&releases, &before) {
        Way::Nothing => {}
        Way::Rollback(old, commit) => {
            let rolled_back = roll_back(world, context, &old).await?;
            match (rolled_back, commit) {
                (Ok(()), _) => {}
                (Err(error), Some(commit)) => {
                    context.note(format!("{error}; the old commit is built again"));
                    build(world, context, commit).await?;
                }
                (Err(error), None) => return Err(error.into()),
            }
        }
        Way::Build(commit) => build(world, context, commit).await?,
        Way::None => {
            let text = format!(
                "cannot put back the code of {app}: v{} is no longer listed and its commit is not \
                 known",
                before.version
            );
            let hint = format!("heroku releases --app {app}   # then push the commit you want");
            return Err(CommandError::new(FailureKind::RemoteJob, text).hint(hint).into());
        }
    }
    Ok(Evidence::of(format!("{app} runs the code of v{} again", before.version)))
}

/// Waits for the build of a killed attempt's push, which Heroku lists a moment later, and for every
/// other running build and release.
async fn let_pushed_end(world: &Reset, context: &StepContext) -> StepResult<()> {
    if let Some(merged) = context.get(&crate::reset::values::MERGED)? {
        let commit = merged.tip;
        let building = Building { world, context, names: super::building::FORWARD, commit };
        building.earlier().await?;
    }
    let_all_end(world, context).await
}

/// Asks Heroku to roll back. The inner error is a refusal, after which the commit can be built.
async fn roll_back(
    world: &Reset,
    context: &StepContext,
    old: &Release,
) -> StepResult<Result<(), HerokuError>> {
    let new = match world.heroku.roll_back(&world.destination.app, old).await {
        Ok(new) => new,
        Err(error) if error.is_refusal() => return Ok(Err(error)),
        Err(error) => return Err(error.into()),
    };
    let mut output = tokio::io::sink();
    let watching = async {
        Ok(world.heroku.watch_release(world.destination.app.id(), &new.id, &mut output).await?)
    };
    context.wait_for("the rollback's release at Heroku", watching).await?;
    Ok(Ok(()))
}

async fn build(world: &Reset, context: &StepContext, commit: Oid) -> StepResult<()> {
    let repository = world.repository(context)?;
    if !deployed::find(&repository, commit).await? {
        let id = commit.to_string();
        let text = format!(
            "cannot build {} for {} again: it is neither on the origin nor in this clone",
            short(&id),
            world.app_name()
        );
        let hint = format!("git fetch origin {id}   # or push it to Heroku from where it is");
        return Err(CommandError::new(FailureKind::RemoteJob, text).hint(hint).into());
    }
    let building = Building { world, context, names: BACK, commit };
    building.finish(&repository).await?;
    let_all_end(world, context).await
}
