//! Has Heroku build a commit exactly once, by a push or from uploaded source, even if this process
//! is killed.
//!
//! A push that moves no ref builds nothing. If Heroku's repository already has the commit at its
//! tip, the commit is built from source, which does not change the repository.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::adapters::git::{GitError, Lease, Listener, Oid, Repository, Update};
use crate::adapters::heroku::{Build, HerokuError, JobStatus};
use crate::failure::{CommandError, FailureKind};
use crate::reset::world::Reset;
use crate::runbook::{Job, StepContext, StepResult, ValueKey};

use super::short;

pub(super) const LISTED_WITHIN: Duration = Duration::from_secs(5);
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Heroku ends every build or release phase that takes longer than this.
const ENDS_WITHIN: Duration = Duration::from_secs(60 * 60);

/// The names of one direction's jobs in the journal.
pub(super) struct Names {
    push: &'static str,
    source: &'static str,
    /// The newest builds from before the first request. None of them is the requested one.
    builds_before: ValueKey<Vec<String>>,
}

pub(super) const FORWARD: Names = Names {
    push: "push to Heroku",
    source: "build at Heroku",
    builds_before: ValueKey::new("builds_before"),
};

pub(super) const BACK: Names = Names {
    push: "push back to Heroku",
    source: "build of the old commit at Heroku",
    builds_before: ValueKey::new("builds_before_way_back"),
};

/// For building the same commit again after a failed release phase.
pub(super) const AGAIN: Names = Names {
    push: "push again to Heroku",
    source: "second build at Heroku",
    builds_before: ValueKey::new("builds_before_second"),
};

/// One commit to build for staging's app.
pub(super) struct Building<'a> {
    pub world: &'a Reset,
    pub context: &'a StepContext,
    pub names: Names,
    pub commit: Oid,
}

impl Building<'_> {
    /// Completes the build: finds the build that an earlier attempt began, or begins one. The
    /// repository has to contain the commit.
    pub async fn finish(&self, repository: &Repository) -> StepResult<()> {
        if let Some(build) = self.earlier().await? {
            self.context.note(format!("found the build {} of an earlier attempt", build.id));
            return self.watch(&build).await;
        }
        let (reference, there) = tip_at_heroku(self.world, repository).await?;
        if there == Some(self.commit) {
            return self.build_from_source(repository).await;
        }
        self.push(repository, reference, there).await
    }

    /// The build that an earlier attempt began, unless it failed or its release is not in force.
    /// Heroku lists a build a moment after the push.
    pub async fn earlier(&self) -> StepResult<Option<Build>> {
        let names = [self.names.push, self.names.source];
        if names.iter().all(|name| matches!(self.context.job(name), Job::None)) {
            return Ok(None);
        }
        let before = self.context.get(&self.names.builds_before)?.unwrap_or_default();
        let began = Instant::now();
        loop {
            let builds = self.world.newest_builds().await?;
            let new = builds.into_iter().filter(|one| !before.contains(&one.id));
            let commit = self.commit.to_string();
            let ours: Vec<Build> = new.filter(|one| one.commit() == Some(&commit)).collect();
            for build in &ours {
                if self.is_of_use(build).await? {
                    return Ok(Some(build.clone()));
                }
            }
            if !ours.is_empty() || began.elapsed() > LISTED_WITHIN {
                return Ok(None);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether a build is running, or its release is or will be in force.
    async fn is_of_use(&self, build: &Build) -> StepResult<bool> {
        match build.status {
            JobStatus::Failed | JobStatus::Expired => return Ok(false),
            JobStatus::Pending | JobStatus::Unknown => return Ok(true),
            JobStatus::Succeeded => {}
        }
        let Some(made) = &build.release else { return Ok(true) };
        let releases = self.world.releases().await?;
        let is_pending =
            releases.by_id(&made.id).is_some_and(|release| release.status == JobStatus::Pending);
        let commit = self.commit.to_string();
        Ok(is_pending || releases.current().is_some_and(|now| releases.runs(now, &commit)))
    }

    async fn remember_builds(&self) -> StepResult<()> {
        let builds = self.world.newest_builds().await?;
        let builds: Vec<String> = builds.into_iter().map(|build| build.id).collect();
        self.context.put(&self.names.builds_before, &builds)
    }

    async fn push(
        &self,
        repository: &Repository,
        reference: String,
        there: Option<Oid>,
    ) -> StepResult<()> {
        let Building { context, commit, .. } = *self;
        let name = self.names.push;
        self.remember_builds().await?;
        context.intent(name, json!({ "commit": commit.to_string() }))?;
        let update = Update { reference, to: Some(commit), lease: Lease::from(there) };
        let reporter = context.reporter();
        let listener = Listener { reporter: &*reporter, step: "deploy" };
        let remote = &self.world.destination.remote;
        let pushing = async { Ok(repository.push(remote, &[update], Some(listener)).await) };
        let pushed = context.wait_for("the build at Heroku, if it has begun", pushing).await?;
        match pushed {
            Ok(_) => context.external(name, &commit.to_string()),
            Err(error) => {
                if !error.leaves_doubt() {
                    let how = match error {
                        GitError::BuildFailed { .. } => "the build failed",
                        _ => "it was refused",
                    };
                    context.settle(name, how)?;
                }
                Err(error.into())
            }
        }
    }

    async fn build_from_source(&self, repository: &Repository) -> StepResult<()> {
        let (context, commit) = (self.context, self.commit);
        let name = self.names.source;
        context.note(format!(
            "Heroku already has {} at its tip, so a push would build nothing; building from source",
            short(commit)
        ));
        let repository = repository.clone();
        let archiving = tokio::task::spawn_blocking(move || repository.source_archive(commit));
        let archive = archiving.await.map_err(|cause| {
            CommandError::new(FailureKind::Unexpected, "cannot make the archive of the source")
                .with_cause(cause)
        })??;
        let uploading = async { Ok(self.world.heroku.upload_source(archive).await?) };
        let source = context.wait_for("nothing at Heroku", uploading).await?;
        self.remember_builds().await?;
        context.intent(name, json!({ "commit": commit.to_string() }))?;
        let id = commit.to_string();
        let build =
            match self.world.heroku.start_build(&self.world.destination.app, &source, &id).await {
                Ok(build) => build,
                Err(error) if error.leaves_doubt() => {
                    // The request is sent once. The list of builds shows whether it arrived.
                    self.earlier().await?.ok_or(error)?
                }
                Err(error) => {
                    context.settle(name, "it was not accepted")?;
                    return Err(error.into());
                }
            };
        context.external(name, &build.id)?;
        self.watch(&build).await
    }

    async fn watch(&self, build: &Build) -> StepResult<()> {
        let mut output = tokio::io::sink();
        let watching = async {
            let app = self.world.destination.app.id();
            Ok(self.world.heroku.watch_build(app, &build.id, &mut output).await)
        };
        match self.context.wait_for("the build at Heroku", watching).await? {
            Ok(_) => Ok(()),
            Err(error) => {
                if matches!(error, HerokuError::JobFailed { .. }) {
                    self.settle("the build failed")?;
                }
                Err(error.into())
            }
        }
    }

    /// Settles the jobs, so that the next request is for a new build.
    pub fn settle(&self, how: &str) -> StepResult<()> {
        for name in [self.names.push, self.names.source] {
            if !matches!(self.context.job(name), Job::None) {
                self.context.settle(name, how)?;
            }
        }
        Ok(())
    }
}

/// The branch that Heroku builds, and its tip.
pub(super) async fn tip_at_heroku(
    world: &Reset,
    repository: &Repository,
) -> StepResult<(String, Option<Oid>)> {
    let names = ["refs/heads/main", "refs/heads/master"];
    let tips = repository.tips(&world.destination.remote, &names).await?;
    // Heroku builds both names. The name in use is kept.
    let name = if tips.contains_key(names[0]) { names[0] } else { names[1] };
    Ok((name.to_owned(), tips.get(name).copied()))
}

/// Waits until no build and no release of the app is running, however they end, so that none of
/// them overtakes the next change.
pub(super) async fn let_all_end(world: &Reset, context: &StepContext) -> StepResult<()> {
    let waiting = async {
        let app = world.destination.app.id();
        let began = Instant::now();
        let mut quiet_since: Option<Instant> = None;
        loop {
            let (builds, releases) = futures_util::try_join!(
                world.heroku.newest_builds(app),
                world.heroku.newest_releases(app)
            )?;
            let is_pending = builds.iter().any(|one| one.status == JobStatus::Pending)
                || releases.iter().any(|one| one.status == JobStatus::Pending);
            // The release of a successful build appears a moment later.
            let is_owed = builds
                .first()
                .is_some_and(|one| one.status == JobStatus::Succeeded && one.release.is_none());
            let quiet_for = quiet_since.get_or_insert_with(Instant::now).elapsed();
            if is_pending {
                quiet_since = None;
            } else if !is_owed || quiet_for > LISTED_WITHIN {
                return Ok(());
            }
            if began.elapsed() > ENDS_WITHIN {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    context.wait_for("the build or release at Heroku", waiting).await
}
