//! Watches the release that the build makes, with the output of its release phase, to its end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::AsyncWrite;

use crate::adapters::heroku::{JobStatus, Release as HerokuRelease};
use crate::error::{CommandError, Kind};
use crate::events::{Event, SharedReporter};
use crate::reset::values::{MERGED, RELEASE, ReleaseSeen};
use crate::reset::world::World;
use crate::runbook::{
    Evidence, Outcome, Probe, Step, StepContext, StepError, StepFuture, StepKind, StepResult,
};

use super::{STAGE, deploy, short};

/// How long a build may take to be followed by its release.
const APPEARS_WITHIN: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub struct Release(pub Arc<World>);

impl Release {
    /// The newest release of the merged tip.
    async fn ours(&self, context: &StepContext) -> StepResult<Option<HerokuRelease>> {
        let tip = context.need(&MERGED)?.tip;
        let (heroku, app) = (&self.0.heroku, self.0.app.id());
        let builds = heroku.newest_builds(app).await?;
        let built = builds.iter().find(|build| build.commit() == Some(tip.as_str()));
        if let Some(release) = built.and_then(|build| build.release.as_ref()) {
            let made = heroku.release(app, &release.id).await?;
            // Somebody may have had Heroku try the release phase again, which makes a new release.
            let newest = heroku.newest_releases(app).await?;
            let same = newest.into_iter().find(|one| one.slug.is_some() && one.slug == made.slug);
            return Ok(Some(same.filter(|one| one.version > made.version).unwrap_or(made)));
        }
        // What was deployed before this run is no longer among the newest builds.
        let releases = heroku.newest_releases(app).await?;
        let Some(current) = deploy::current(&releases) else { return Ok(None) };
        let commit = heroku.commit_of(app, current).await?;
        Ok((commit.as_deref() == Some(tip.as_str())).then(|| current.clone()))
    }

    fn how_to_try_again(&self, error: StepError) -> StepError {
        match error {
            StepError::Failed(error) if error.kind == Kind::RemoteJob => {
                let app = self.0.app.name();
                let hint = format!("when its cause is mended: heroku releases:retry --app {app}");
                error.hint(hint).into()
            }
            other => other,
        }
    }

    async fn wait_for_ours(&self, context: &StepContext) -> StepResult<HerokuRelease> {
        let began = Instant::now();
        loop {
            if let Some(found) = self.ours(context).await? {
                return Ok(found);
            }
            if began.elapsed() > APPEARS_WITHIN {
                let text = format!(
                    "{} has no release of {}",
                    self.0.app.name(),
                    short(&context.need(&MERGED)?.tip)
                );
                return Err(CommandError::new(Kind::RemoteJob, text)
                    .hint(format!("heroku releases --app {}", self.0.app.name()))
                    .into());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Step for Release {
    fn id(&self) -> &'static str {
        "release"
    }

    fn stage(&self) -> &'static str {
        STAGE
    }

    fn kind(&self) -> StepKind {
        StepKind::Wait
    }

    fn describe(&self) -> String {
        format!("Watch the release of {}", self.0.app.name())
    }

    fn probe<'a>(&'a self, _context: &'a StepContext) -> StepFuture<'a, Probe> {
        Box::pin(async { Ok(Probe::CannotTell) })
    }

    fn act<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Outcome> {
        Box::pin(async move {
            let watching = async {
                let release = self.wait_for_ours(context).await?;
                let mut output = Notes::new(context.reporter());
                let watched =
                    self.0.heroku.watch_release(self.0.app.id(), &release.id, &mut output).await;
                output.end();
                Ok(watched?)
            };
            let watched = context.wait_for("the release phase at Heroku", watching).await;
            let release = watched.map_err(|error| self.how_to_try_again(error))?;
            let seen = ReleaseSeen { id: release.id.clone(), version: release.version };
            context.put(&RELEASE, &seen)?;
            Ok(Outcome::Done(
                Evidence::of(format!("Release v{} succeeded", release.version))
                    .fact("release", release.version),
            ))
        })
    }

    fn verify<'a>(&'a self, context: &'a StepContext) -> StepFuture<'a, Evidence> {
        Box::pin(async move {
            let seen = context.need(&RELEASE)?;
            let now = self.0.heroku.release(self.0.app.id(), &seen.id).await?;
            if now.status != JobStatus::Succeeded {
                let text = format!("the release v{} did not succeed", seen.version);
                return Err(CommandError::new(Kind::RemoteJob, text).into());
            }
            Ok(Evidence::new().fact("release status", "succeeded"))
        })
    }
}

/// Passes what is written to it on as notes, a line each.
struct Notes {
    reporter: SharedReporter,
    line: Vec<u8>,
}

/// A longer line is told in pieces.
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
