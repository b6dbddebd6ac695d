//! Deploys the merged tip: has Heroku build it, and puts back the earlier code.

use std::time::Instant;

use async_trait::async_trait;

use crate::adapters::git::Oid;
use crate::adapters::heroku::JobStatus;
use crate::failure::FailureKind;
use crate::reset::values::{FORMATION_AT_DEPLOY, MERGED, RELEASE_BEFORE, ReleaseSeen};
use crate::reset::world::Reset;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepError, StepResult, Undo,
};

use super::building::{Building, FORWARD, LISTED_WITHIN, LOOK_EVERY, tip_at_heroku};
use super::{commit, deployed, merge, short, way_back};

pub struct Deploy;

/// Records once which release runs before the deploy, and keeps its commit for a rollback.
async fn remember_release(world: &Reset, context: &StepContext) -> StepResult<()> {
    if context.get(&RELEASE_BEFORE)?.is_some() {
        return Ok(());
    }
    let releases = world.releases().await?;
    let Some(now) = releases.current() else { return Ok(()) };
    let code = releases.code(now).map(|code| code.as_str().to_owned());
    let seen = ReleaseSeen { id: now.id.clone(), version: now.version, commit: code };
    context.put(&RELEASE_BEFORE, &seen)?;
    deployed::keep(world, context, &seen).await
}

/// Whether the newest build of the commit succeeded.
async fn is_built(world: &Reset, tip: Oid) -> StepResult<bool> {
    let builds = world.newest_builds().await?;
    let tip = tip.to_string();
    let newest = builds.iter().find(|build| build.commit() == Some(&tip));
    Ok(newest.is_some_and(|build| build.status == JobStatus::Succeeded))
}

async fn there(world: &Reset, context: &StepContext) -> StepResult<(String, Option<Oid>)> {
    tip_at_heroku(world, &world.repository(context)?).await
}

#[async_trait]
impl Step<Reset> for Deploy {
    fn describe(&self, world: &Reset) -> String {
        format!("Deploy the merged tip to {}", world.app_name())
    }

    fn effects(&self, world: &Reset) -> Vec<Effect> {
        vec![Effect::known_after(
            format!("{} is built again; its release phase migrates the database", world.app_name()),
            "merge",
        )]
    }

    async fn probe(&self, world: &Reset, context: &StepContext) -> StepResult<Probe> {
        let Some(merged) = context.get(&MERGED)? else { return Ok(Probe::NotYet) };
        // The tip of Heroku's repository only says what was pushed last. After a rollback, a failed
        // release phase or a build from elsewhere, other code can be running.
        let (_, there) = there(world, context).await?;
        if there != Some(merged.tip) {
            return Ok(Probe::NotYet);
        }
        let releases = world.releases().await?;
        Ok(match releases.current().filter(|now| releases.runs(now, &merged.tip.to_string())) {
            Some(now) => Probe::Done(Evidence::of(format!(
                "Heroku has {} and runs it as v{}",
                short(merged.tip),
                now.version
            ))),
            None => Probe::NotYet,
        })
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        remember_release(world, context).await?;
        let formation = world.formation().await?;
        context.put_first(&FORMATION_AT_DEPLOY, formation)?;
        let (repository, tip) = merge::tip(world, context).await?;
        let building = Building { world, context, names: FORWARD, commit: tip };
        building.finish(&repository).await?;
        Ok(Outcome::Done(Evidence::of(format!("Built {}", short(tip)))))
    }

    async fn verify(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let wanted = context.need(&MERGED)?.tip;
        let began = Instant::now();
        loop {
            // If this process only watched the build, the ref moves a moment after its end.
            let (reference, there) = there(world, context).await?;
            if there == Some(wanted) {
                return Ok(Evidence::new()
                    .fact("commit at Heroku", wanted.to_string())
                    .fact("branch at Heroku", reference));
            }
            if began.elapsed() > LISTED_WITHIN {
                if is_built(world, wanted).await? {
                    // The process that pushed was gone when the build ended, so the ref was not
                    // moved. Another push would build the same commit again.
                    return Ok(Evidence::new()
                        .fact("commit built at Heroku", wanted.to_string())
                        .fact("branch at Heroku", "not moved"));
                }
                let name = world.app_name();
                let text = format!("Heroku's repository of {name} is not at {}", short(wanted));
                return Err(StepError::failed(FailureKind::RemoteJob, text));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

#[async_trait]
impl Undo<Reset> for Deploy {
    async fn undo(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        way_back::go(world, context).await
    }

    async fn verify_undo(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let Some(before) = context.get(&RELEASE_BEFORE)? else { return Ok(Evidence::new()) };
        let releases = world.releases().await?;
        match way_back::runs_as_before(&releases, &before) {
            true => Ok(Evidence::new().fact("code as before", true)),
            false => {
                let text =
                    format!("{} does not run the code from before the run", world.app_name());
                Err(StepError::failed(FailureKind::RemoteJob, text))
            }
        }
    }

    fn undo_hint(&self, world: &Reset, context: &StepContext) -> Option<String> {
        let before = context.get(&RELEASE_BEFORE).ok().flatten()?;
        let app = world.app_name();
        // If the old commit is known, the hint pushes it, which works on every stack.
        Some(match before.commit.as_deref().and_then(|code| commit(code).ok()) {
            Some(commit) => format!(
                "git push --force {} {commit}:refs/heads/master",
                world.destination.remote.address()
            ),
            None => format!("heroku rollback v{} --app {app}", before.version),
        })
    }
}
