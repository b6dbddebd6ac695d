//! Pushes the merged tip to Heroku's own repository, which builds it.
//!
//! A build cannot be asked for twice by accident: what is under way or built is found by its commit
//! before anything is pushed again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::adapters::git::{GitError, Lease, Listener, Update};
use crate::adapters::heroku::{Build, JobStatus, Release};
use crate::error::{CommandError, Kind};
use crate::reset::values::{MERGED, RELEASE_BEFORE, ReleaseSeen};
use crate::reset::world::World;
use crate::runbook::{
    Effect, Evidence, Job, Outcome, Probe, Step, StepContext, StepFuture, StepKind, StepResult,
    UndoWay,
};

use super::{STAGE, merge, short};

const PUSH: &str = "push to Heroku";
const LISTED_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Heroku ends a build or a release phase that takes longer.
const ENDS_WITHIN: Duration = Duration::from_secs(60 * 60);

pub struct Deploy(pub Arc<World>);

impl Deploy {
    /// The build of the merged tip, if there is one.
    async fn build(&self, tip: &str) -> StepResult<Option<Build>> {
        let builds = self.0.heroku.newest_builds(self.0.app.id()).await?;
        let mut ours = builds.into_iter().filter(|build| build.commit() == Some(tip));
        // A failed one is no reason not to build again.
        Ok(ours.find(|build| !matches!(build.status, JobStatus::Failed | JobStatus::Expired)))
    }

    async fn tip_at_heroku(&self, context: &StepContext) -> StepResult<(String, Option<String>)> {
        let repository = self.0.repository(context)?;
        let names = ["refs/heads/main", "refs/heads/master"];
        let tips = repository.tips(&self.0.heroku_remote, &names).await?;
        // Heroku builds both names; the one in use is kept.
        let name = if tips.contains_key(names[0]) { names[0] } else { names[1] };
        Ok((name.to_owned(), tips.get(name).map(ToString::to_string)))
    }

    async fn push(&self, context: &StepContext) -> StepResult<()> {
        let (repository, tip) = merge::tip(&self.0, context).await?;
        let (reference, there) = self.tip_at_heroku(context).await?;
        let lease = Lease::from(there.as_deref().map(super::commit).transpose()?);
        context.intent(PUSH, json!({ "commit": tip.to_string() }))?;
        let update = Update { reference, to: Some(tip), lease };
        let reporter = context.reporter();
        let listener = Listener { reporter: &*reporter, step: "deploy" };
        let pushing =
            async { Ok(repository.push(&self.0.heroku_remote, &[update], Some(listener)).await) };
        let pushed = context.wait_for("the build at Heroku, if it has begun", pushing).await?;
        match pushed {
            Ok(_) => context.external(PUSH, &tip.to_string()),
            Err(error) => {
                if !error.leaves_doubt() {
                    let how = match error {
                        GitError::BuildFailed { .. } => "the build failed",
                        _ => "it was refused",
                    };
                    context.settle(PUSH, how)?;
                }
                Err(error.into())
            }
        }
    }

    /// The build that an earlier attempt's push began. Heroku lists it a moment after the push has
    /// come in, so that a push that was sent is given that moment.
    async fn build_of_earlier_push(
        &self,
        context: &StepContext,
        tip: &str,
    ) -> StepResult<Option<Build>> {
        if matches!(context.job(PUSH), Job::None) {
            return Ok(None);
        }
        let began = Instant::now();
        loop {
            let found = self.build(tip).await?;
            if found.is_some() || began.elapsed() > LISTED_WITHIN {
                return Ok(found);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// The release that the dynos run.
pub(super) fn current(releases: &[Release]) -> Option<&Release> {
    let current = releases.iter().find(|release| release.current);
    let succeeded = || releases.iter().find(|release| release.status == JobStatus::Succeeded);
    current.or_else(succeeded)
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
            // Nothing new to push means nothing is built, and then what runs is what is wanted, unless
            // something else was put in its place.
            let (_, there) = self.tip_at_heroku(context).await?;
            let is_there = there.as_deref() == Some(merged.tip.as_str());
            Ok(match is_there && self.replaced(&merged.tip).await?.is_none() {
                true => Probe::Done(Evidence::of(format!("Heroku has {}", short(&merged.tip)))),
                false => Probe::NotYet,
            })
        })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            let releases = self.0.heroku.newest_releases(self.0.app.id()).await?;
            if let Some(release) = current(&releases) {
                let seen = ReleaseSeen { id: release.id.clone(), version: release.version };
                context.put_first(&RELEASE_BEFORE, seen)?;
            }
            let tip = context.need(&MERGED)?.tip;
            if let Some(build) = self.build_of_earlier_push(context, &tip).await? {
                // It went on without this process.
                context.note(format!("the build {} was found", build.id));
                let mut output = tokio::io::sink();
                let watching = async {
                    let app = self.0.app.id();
                    Ok(self.0.heroku.watch_build(app, &build.id, &mut output).await?)
                };
                context.wait_for("the build at Heroku", watching).await?;
            } else {
                match self.replaced(&tip).await? {
                    None => self.push(context).await?,
                    Some(release) => self.release_again(context, &release).await?,
                }
            }
            Ok(Outcome::Done(Evidence::of(format!("Built {}", short(&tip)))))
        })
    }

    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let wanted = context.need(&MERGED)?.tip;
            let began = Instant::now();
            loop {
                // The ref moves a moment after a build that was only watched has ended.
                let (reference, there) = self.tip_at_heroku(context).await?;
                if there.as_deref() == Some(wanted.as_str()) {
                    return Ok(Evidence::new()
                        .fact("commit at Heroku", wanted)
                        .fact("branch at Heroku", reference));
                }
                if began.elapsed() > LISTED_WITHIN {
                    let built = self.build(&wanted).await?;
                    if built.is_some_and(|build| build.status == JobStatus::Succeeded) {
                        // Whoever began the push was gone when the build ended, so that the ref was
                        // not moved. Pushing again would build a second time what is there.
                        return Ok(Evidence::new()
                            .fact("commit built at Heroku", wanted)
                            .fact("branch at Heroku", "not moved"));
                    }
                    let name = self.0.app.name();
                    let text =
                        format!("Heroku's repository of {name} is not at {}", short(&wanted));
                    return Err(CommandError::new(Kind::RemoteJob, text).into());
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        })
    }

    fn undo_way(&self) -> UndoWay {
        UndoWay::Own
    }

    fn undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let Some(before) = context.get(&RELEASE_BEFORE)? else {
                return Ok(Evidence::of("Nothing was deployed"));
            };
            let evidence =
                Evidence::of(format!("{} runs v{} again", self.0.app.name(), before.version));
            // What a killed attempt has pushed goes on by itself, and would be released after all.
            self.let_it_end(context).await?;
            if self.runs_as_before(&before).await? {
                return Ok(evidence);
            }
            let release = self.0.heroku.release(self.0.app.id(), &before.id).await?;
            self.release_again(context, &release).await?;
            Ok(evidence)
        })
    }

    fn verify_undo<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let Some(before) = context.get(&RELEASE_BEFORE)? else { return Ok(Evidence::new()) };
            match self.runs_as_before(&before).await? {
                true => Ok(Evidence::new().fact("slug as before", true)),
                false => {
                    let text = format!("{} does not run what it ran before", self.0.app.name());
                    Err(CommandError::new(Kind::RemoteJob, text).into())
                }
            }
        })
    }

    fn undo_hint(&self, context: &StepContext) -> Option<String> {
        let before = context.get(&RELEASE_BEFORE).ok().flatten()?;
        Some(format!("heroku rollback v{} --app {}", before.version, self.0.app.name()))
    }
}

impl Deploy {
    /// The good release of a commit that was built, if other code has been released since, as by a
    /// rollback: a push of what is there already builds nothing.
    async fn replaced(&self, tip: &str) -> StepResult<Option<Release>> {
        let app = self.0.app.id();
        let Some(build) = self.build(tip).await? else { return Ok(None) };
        let Some(made) = build.release else { return Ok(None) };
        let made = self.0.heroku.release(app, &made.id).await?;
        let releases = self.0.heroku.newest_releases(app).await?;
        let is_replaced = made.status == JobStatus::Succeeded
            && current(&releases)
                .is_some_and(|now| now.version > made.version && now.slug != made.slug);
        Ok(is_replaced.then_some(made))
    }

    /// Makes the dynos run what an earlier release ran.
    async fn release_again(&self, context: &StepContext, release: &Release) -> StepResult<()> {
        let new = self.0.heroku.roll_back(&self.0.app, release).await?;
        let mut output = tokio::io::sink();
        let watching = async {
            let app = self.0.app.id();
            Ok(self.0.heroku.watch_release(app, &new.id, &mut output).await?)
        };
        context.wait_for("the rollback's release at Heroku", watching).await?;
        Ok(())
    }

    /// Waits until nothing that this run has begun at Heroku is under way any more: the build of the
    /// pushed commit, its release, and the release of a rollback that was killed. How they end does
    /// not matter.
    async fn let_it_end(&self, context: &StepContext) -> StepResult<()> {
        let waiting = async {
            let app = self.0.app.id();
            if let Some(merged) = context.get(&MERGED)? {
                let build = self.build_of_earlier_push(context, &merged.tip).await?;
                if let Some(build) = build {
                    self.released(&build.id).await?;
                }
            }
            let began = Instant::now();
            loop {
                let releases = self.0.heroku.newest_releases(app).await?;
                let is_pending = |one: &Release| one.status == JobStatus::Pending;
                if !releases.iter().any(is_pending) || began.elapsed() > ENDS_WITHIN {
                    return Ok(());
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        context.wait_for("the build or release at Heroku", waiting).await
    }

    /// Waits for the end of a build, and for the release that a good one makes a moment later.
    async fn released(&self, build: &str) -> StepResult<()> {
        let (mut began, mut was_pending) = (Instant::now(), true);
        loop {
            let seen = self.0.heroku.build(self.0.app.id(), build).await?;
            let is_pending = seen.status == JobStatus::Pending;
            if was_pending && !is_pending {
                (began, was_pending) = (Instant::now(), false);
            }
            let is_good = seen.status == JobStatus::Succeeded;
            let limit = if is_pending { ENDS_WITHIN } else { LISTED_WITHIN };
            if (!is_pending && (!is_good || seen.release.is_some())) || began.elapsed() > limit {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether the current release has the slug of the one from before.
    async fn runs_as_before(&self, before: &ReleaseSeen) -> StepResult<bool> {
        let releases = self.0.heroku.newest_releases(self.0.app.id()).await?;
        let Some(now) = current(&releases) else { return Ok(false) };
        if now.id == before.id {
            return Ok(true);
        }
        let old = self.0.heroku.release(self.0.app.id(), &before.id).await?;
        Ok(now.slug.is_some() && now.slug == old.slug)
    }
}
