//! Has Heroku build the merged tip, and puts back what was deployed before.

use std::sync::Arc;
use std::time::Instant;

use crate::adapters::git::Oid;
use crate::adapters::heroku::JobStatus;
use crate::failure::{CommandError, FailureKind};
use crate::reset::values::{FORMATION_AT_DEPLOY, MERGED, RELEASE_BEFORE, ReleaseSeen};
use crate::reset::world::World;
use crate::runbook::{
    Effect, Evidence, Outcome, Probe, Step, StepContext, StepFuture, StepKind, StepResult, UndoWay,
};

use super::building::{Building, FORWARD, LISTED_WITHIN, LOOK_EVERY, tip_at_heroku};
use super::{STAGE, commit, deployed, merge, short, way_back};

pub struct Deploy(pub Arc<World>);

impl Deploy {
    /// Puts on record what runs before the deploy, once, and keeps its commit for a rollback.
    async fn remember_release(&self, context: &StepContext) -> StepResult<()> {
        if context.get(&RELEASE_BEFORE)?.is_some() {
            return Ok(());
        }
        let releases = self.0.heroku.releases(self.0.app.id()).await?;
        let Some(now) = releases.current() else { return Ok(()) };
        let code = releases.code(now).map(|code| code.as_str().to_owned());
        let seen = ReleaseSeen { id: now.id.clone(), version: now.version, commit: code };
        context.put(&RELEASE_BEFORE, &seen)?;
        deployed::keep(&self.0, context, &seen).await
    }

    /// Whether the newest build of the commit is good.
    async fn is_built(&self, tip: &str) -> StepResult<bool> {
        let builds = self.0.heroku.newest_builds(self.0.app.id()).await?;
        let newest = builds.iter().find(|build| build.commit() == Some(tip));
        Ok(newest.is_some_and(|build| build.status == JobStatus::Succeeded))
    }

    async fn there(&self, context: &StepContext) -> StepResult<(String, Option<Oid>)> {
        tip_at_heroku(&self.0, &self.0.repository(context)?).await
    }
}

impl Step for Deploy {
    fn id(&self) -> &'static str {
        "deploy"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Reversible
    }

    fn describe(&self) -> String {
        format!("Deploy the merged tip to {}", self.0.app.name())
    }

    fn effects(&self) -> Vec<Effect> {
        vec![Effect::known_after(
            format!("{} is built anew; its release phase migrates", self.0.app.name()),
            "merge",
        )]
    }

    fn probe<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async move {
            let Some(merged) = context.get(&MERGED)? else { return Ok(Probe::NotYet) };
            // The tip of Heroku's repository says what was pushed last. What runs is another question
            // after a rollback, a failed release phase or a build from elsewhere.
            let (_, there) = self.there(context).await?;
            if there.is_none_or(|there| there.to_string() != merged.tip) {
                return Ok(Probe::NotYet);
            }
            let releases = self.0.heroku.releases(self.0.app.id()).await?;
            Ok(match releases.current().filter(|now| releases.runs(now, &merged.tip)) {
                Some(now) => Probe::Done(Evidence::of(format!(
                    "Heroku has {} and runs it as v{}",
                    short(&merged.tip),
                    now.version
                ))),
                None => Probe::NotYet,
            })
        })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            self.remember_release(context).await?;
            let formation = self.0.heroku.formation(self.0.app.id()).await?;
            context.put_first(&FORMATION_AT_DEPLOY, formation)?;
            let (repository, tip) = merge::tip(&self.0, context).await?;
            let building = Building { world: &self.0, context, names: FORWARD, commit: tip };
            building.finish(&repository).await?;
            Ok(Outcome::Done(Evidence::of(format!("Built {}", short(&tip.to_string())))))
        })
    }

    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let wanted = context.need(&MERGED)?.tip;
            let began = Instant::now();
            loop {
                // The ref moves a moment after a build that was only watched has ended.
                let (reference, there) = self.there(context).await?;
                if there.is_some_and(|there| there.to_string() == wanted) {
                    return Ok(Evidence::new()
                        .fact("commit at Heroku", wanted)
                        .fact("branch at Heroku", reference));
                }
                if began.elapsed() > LISTED_WITHIN {
                    if self.is_built(&wanted).await? {
                        // Whoever began the push was gone when the build ended, so that the ref was
                        // not moved. Pushing again would build a second time what is there.
                        return Ok(Evidence::new()
                            .fact("commit built at Heroku", wanted)
                            .fact("branch at Heroku", "not moved"));
                    }
                    let name = self.0.app.name();
                    let text =
                        format!("Heroku's repository of {name} is not at {}", short(&wanted));
                    return Err(CommandError::new(FailureKind::RemoteJob, text).into());
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        })
    }

    fn undo_way(&self) -> UndoWay {
        UndoWay::Own
    }

    fn undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(way_back::go(&self.0, context))
    }

    fn verify_undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let Some(before) = context.get(&RELEASE_BEFORE)? else { return Ok(Evidence::new()) };
            let releases = self.0.heroku.releases(self.0.app.id()).await?;
            match way_back::runs_as_before(&releases, &before) {
                true => Ok(Evidence::new().fact("code as before", true)),
                false => {
                    let text = format!("{} does not run what it ran before", self.0.app.name());
                    Err(CommandError::new(FailureKind::RemoteJob, text).into())
                }
            }
        })
    }

    fn undo_hint(&self, context: &StepContext) -> Option<String> {
        let before = context.get(&RELEASE_BEFORE).ok().flatten()?;
        let app = self.0.app.name();
        // Where the stack has no rollback, the old commit is pushed, as this step would do it.
        Some(match before.commit.as_deref().and_then(|code| commit(code).ok()) {
            Some(commit) => format!(
                "git push --force {} {commit}:refs/heads/master",
                self.0.heroku_remote.address()
            ),
            None => format!("heroku rollback v{} --app {app}", before.version),
        })
    }
}
