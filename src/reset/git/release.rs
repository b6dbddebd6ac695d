//! Makes the dynos run the merged tip: watches its release to the end, with the output of its
//! release phase.
//!
//! A failed release phase is not repeated, because Heroku cannot do that on every stack. The next
//! attempt of this step builds the commit again, which makes a new release.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::io::AsyncWrite;

use crate::adapters::heroku::{HerokuError, JobStatus, Release as HerokuRelease, Releases};
use crate::events::{Event, SharedReporter};
use crate::failure::{CommandError, FailureKind};
use crate::reset::values::{MERGED, RELEASE, RELEASE_FAILED, ReleaseSeen};
use crate::reset::world::Reset;
use crate::runbook::{Evidence, Outcome, Step, StepContext, StepError, StepResult};

use super::building::{AGAIN, Building, LOOK_EVERY};
use super::{merge, short};

/// How long the release may take to appear after its build.
const APPEARS_WITHIN: Duration = Duration::from_secs(120);

pub struct Release;

/// Brings the merged tip back into force if something else was released since, for example by a
/// rollback in the middle of the run. Does nothing if the run deploys nothing.
pub async fn keep_in_force(world: &Reset, context: &StepContext) -> StepResult<()> {
    if context.get(&MERGED)?.is_none() || context.get(&RELEASE)?.is_none() {
        return Ok(());
    }
    release(world, context).await.map(drop)
}

/// The state of the merged tip at Heroku.
enum TipState {
    /// The dynos run it.
    InForce(HerokuRelease),
    Pending(HerokuRelease),
    Failed(HerokuRelease),
    /// The tip was in force, and then something else was released.
    Replaced {
        ours: HerokuRelease,
        by: HerokuRelease,
    },
    /// There is no release of the tip yet that could be in force.
    Missing,
}

impl TipState {
    fn of(releases: &Releases, tip: &str) -> TipState {
        if let Some(now) = releases.current().filter(|now| releases.runs(now, tip)) {
            return TipState::InForce(now.clone());
        }
        let Some(ours) = releases.newest_of(tip).cloned() else { return TipState::Missing };
        match (ours.status, releases.current()) {
            (JobStatus::Failed | JobStatus::Expired, _) => TipState::Failed(ours),
            (JobStatus::Succeeded, Some(by)) if by.version > ours.version => {
                TipState::Replaced { ours, by: by.clone() }
            }
            // The list shows the release as current a moment later.
            (JobStatus::Succeeded, _) => TipState::Missing,
            _ => TipState::Pending(ours),
        }
    }
}

async fn look(world: &Reset, tip: &str) -> StepResult<TipState> {
    let releases = world.releases().await?;
    Ok(TipState::of(&releases, tip))
}

/// Waits until there is a release of the tip.
async fn appears(world: &Reset, tip: &str) -> StepResult<TipState> {
    let began = Instant::now();
    loop {
        match look(world, tip).await? {
            TipState::Missing if began.elapsed() < APPEARS_WITHIN => {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            state => return Ok(state),
        }
    }
}

/// Brings the tip into force, and records its release.
async fn release(world: &Reset, context: &StepContext) -> StepResult<u64> {
    let HerokuRelease { id, version, .. } = bring_about(world, context).await?;
    let seen = ReleaseSeen { id, version, commit: Some(context.need(&MERGED)?.tip.to_string()) };
    if context.get(&RELEASE)?.as_ref() != Some(&seen) {
        context.put(&RELEASE, &seen)?;
    }
    Ok(version)
}

/// Brings the tip into force. The tip is built again at most once, if its release failed before
/// this attempt or something else has replaced it.
async fn bring_about(world: &Reset, context: &StepContext) -> StepResult<HerokuRelease> {
    let tip = context.need(&MERGED)?.tip.to_string();
    let failed_before = context.get(&RELEASE_FAILED)?;
    let mut may_build = true;
    loop {
        let looking = async { appears(world, &tip).await };
        match context.wait_for("the build at Heroku", looking).await? {
            TipState::InForce(release) => return Ok(release),
            TipState::Pending(release) => watch(world, context, &release).await?,
            TipState::Failed(release) => {
                if !may_build || failed_before.as_deref() != Some(release.id.as_str()) {
                    // This shows the output of the release phase and returns its failure.
                    watch(world, context, &release).await?;
                    continue;
                }
                context.note(format!(
                    "release v{} failed; building the commit again",
                    release.version
                ));
                build_again(world, context, &mut may_build).await?;
            }
            TipState::Replaced { ours, by } => {
                if !may_build {
                    return Err(replaced(world, &tip, &ours, &by));
                }
                context.warn(format!(
                    "v{} ({}) has replaced v{} of this run; building the merged tip again",
                    by.version, by.description, ours.version
                ));
                build_again(world, context, &mut may_build).await?;
            }
            TipState::Missing => return Err(missing(world, &tip)),
        }
    }
}

async fn watch(world: &Reset, context: &StepContext, release: &HerokuRelease) -> StepResult<()> {
    let watching = async {
        let mut output = Notes::new(context.reporter());
        let app = world.destination.app.id();
        let watched = world.heroku.watch_release(app, &release.id, &mut output).await;
        output.end();
        Ok(watched)
    };
    let watched = context.wait_for("the release phase at Heroku", watching).await?;
    let Err(error) = watched else { return Ok(()) };
    if !matches!(error, HerokuError::JobFailed { .. }) {
        return Err(error.into());
    }
    context.put(&RELEASE_FAILED, &release.id)?;
    let tip = context.need(&MERGED)?.tip;
    building(world, context, tip).settle("its release failed")?;
    let hint = format!(
        "fix the cause, then build the same commit again: bcops runs resume {}",
        context.run()
    );
    Err(CommandError::from(error).hint(hint).into())
}

fn building<'a>(
    world: &'a Reset,
    context: &'a StepContext,
    commit: crate::adapters::git::Oid,
) -> Building<'a> {
    Building { world, context, names: AGAIN, commit }
}

async fn build_again(world: &Reset, context: &StepContext, may_build: &mut bool) -> StepResult<()> {
    *may_build = false;
    let (repository, tip) = merge::tip(world, context).await?;
    let building = building(world, context, tip);
    building.finish(&repository).await?;
    // The release of this build appears a moment later. Until then the old release is the newest.
    let began = Instant::now();
    let newest = world.newest_builds().await?;
    let ours = newest.into_iter().find(|one| one.commit() == Some(&tip.to_string()));
    let Some(mut build) = ours else { return Ok(()) };
    while build.release.is_none() && began.elapsed() < APPEARS_WITHIN {
        tokio::time::sleep(LOOK_EVERY).await;
        build = world.heroku.build(world.destination.app.id(), &build.id).await?;
    }
    Ok(())
}

fn missing(world: &Reset, tip: &str) -> StepError {
    let app = world.app_name();
    let text = format!("{app} runs no release of {}", short(tip));
    CommandError::new(FailureKind::RemoteJob, text)
        .hint(format!("heroku releases --app {app}"))
        .into()
}

fn replaced(world: &Reset, tip: &str, ours: &HerokuRelease, by: &HerokuRelease) -> StepError {
    let app = world.app_name();
    let text = format!(
        "{app} runs v{} ({}) instead of {}, which was v{}",
        by.version,
        by.description,
        short(tip),
        ours.version
    );
    CommandError::new(FailureKind::RemoteJob, text)
        .hint(format!("heroku releases --app {app}"))
        .into()
}

#[async_trait]
impl Step<Reset> for Release {
    fn describe(&self, world: &Reset) -> String {
        format!("Watch the release of {}", world.app_name())
    }

    async fn act(&self, world: &Reset, context: &StepContext) -> StepResult<Outcome> {
        let version = release(world, context).await?;
        Ok(Outcome::Done(
            Evidence::of(format!("Release v{version} succeeded")).fact("release", version),
        ))
    }

    async fn verify(&self, world: &Reset, context: &StepContext) -> StepResult<Evidence> {
        let tip = context.need(&MERGED)?.tip.to_string();
        let seen = context.need(&RELEASE)?;
        match look(world, &tip).await? {
            TipState::InForce(now) => Ok(Evidence::new()
                .fact("release status", "succeeded")
                .fact("release in force", now.version)
                .fact("commit in force", short(&tip))),
            TipState::Replaced { ours, by } => Err(replaced(world, &tip, &ours, &by)),
            _ => {
                let text = format!("the release v{} did not succeed", seen.version);
                Err(StepError::failed(FailureKind::RemoteJob, text))
            }
        }
    }
}

/// Reports each written line as a note.
struct Notes {
    reporter: SharedReporter,
    line: Vec<u8>,
}

/// A longer line is reported in pieces.
const LONGEST_LINE: usize = 4096;

impl Notes {
    fn new(reporter: SharedReporter) -> Self {
        Notes { reporter, line: Vec::new() }
    }

    fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' || self.line.len() >= LONGEST_LINE {
                self.end();
            }
            if byte != b'\n' {
                self.line.push(byte);
            }
        }
    }

    fn end(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        if !line.is_empty() {
            self.reporter.emit(Event::Note(format!("release: {line}")));
        }
    }
}

impl AsyncWrite for Notes {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
