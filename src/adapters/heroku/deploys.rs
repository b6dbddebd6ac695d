//! Reads and makes builds and releases, the results of a push to Heroku.
//!
//! A build makes a slug of a commit, and a release activates the slug. While a release is pending,
//! its release phase runs. The dynos run the new release after success. After a failure the
//! previous release stays.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncWrite;

use super::client::Heroku;
use super::destination::DestinationApp;
use super::error::HerokuError;
use super::watching::{Job, JobStatus};
use crate::secret::Secret;

/// How often the list is read for a rollback whose request got no answer.
const LOOKS: u32 = 3;

#[derive(Debug, Clone, Deserialize)]
pub struct Build {
    pub id: String,
    pub status: JobStatus,
    #[serde(default)]
    output_stream_url: Option<Secret>,
    #[serde(default)]
    source_blob: Option<SourceBlob>,
    /// Absent on stacks without slugs.
    #[serde(default)]
    pub slug: Option<Identified>,
    /// Set once there is a release, which may be shortly after the build succeeded.
    #[serde(default)]
    pub release: Option<Identified>,
    #[serde(default)]
    pub created_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize)]
struct SourceBlob {
    #[serde(default)]
    version: Option<String>,
}

/// An object of which only the id is used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Identified {
    pub id: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Release {
    pub id: String,
    pub version: u64,
    pub status: JobStatus,
    #[serde(default)]
    pub description: String,
    /// Whether the dynos run this release.
    #[serde(default)]
    pub current: bool,
    /// The slug that it runs. Absent on the container stack.
    #[serde(default)]
    pub slug: Option<Identified>,
    /// The image, on the stack of cloud-native buildpacks.
    #[serde(default)]
    oci_image: Option<Identified>,
    #[serde(default)]
    output_stream_url: Option<Secret>,
    #[serde(default)]
    pub created_at: Option<Timestamp>,
}

impl Release {
    /// The slug or the image that it runs, if the stack has one.
    pub fn image(&self) -> Option<&Identified> {
        self.slug.as_ref().or(self.oci_image.as_ref())
    }
}

impl Build {
    /// The commit that was built.
    pub fn commit(&self) -> Option<&str> {
        self.source_blob.as_ref()?.version.as_deref()
    }
}

/// Sorts builds newest first. The request asks for this order too, but a mistake here would change
/// an app.
fn newest_first(mut builds: Vec<Build>) -> Vec<Build> {
    if builds.iter().all(|build| build.created_at.is_some()) {
        builds.sort_by_key(|build| std::cmp::Reverse(build.created_at));
    }
    builds
}

impl Job for Build {
    fn status(&self) -> JobStatus {
        self.status
    }

    fn output(&self) -> Option<&Secret> {
        self.output_stream_url.as_ref()
    }
}

impl Job for Release {
    fn status(&self) -> JobStatus {
        self.status
    }

    fn output(&self) -> Option<&Secret> {
        self.output_stream_url.as_ref()
    }
}

impl Heroku {
    /// The last ten builds, newest first.
    pub async fn newest_builds(&self, app: &str) -> Result<Vec<Build>, HerokuError> {
        let path = ["apps", app, "builds"];
        let request = self.platform(&path, format!("the builds of {app}"));
        Ok(newest_first(self.get_page(request, "created_at ..; order=desc,max=10").await?))
    }

    pub async fn build(&self, app: &str, id: &str) -> Result<Build, HerokuError> {
        let path = ["apps", app, "builds", id];
        self.get(self.platform(&path, format!("a build of {app}"))).await
    }

    /// Copies the output of a build until the build ends, and fails unless the build succeeded.
    pub async fn watch_build(
        &self,
        app: &str,
        id: &str,
        output: &mut (dyn AsyncWrite + Unpin + Send),
    ) -> Result<Build, HerokuError> {
        let path = ["apps", app, "builds", id];
        let request = self.platform(&path, format!("the build of {app}"));
        self.watch(request, output).await
    }

    /// The last ten releases, newest first.
    pub async fn newest_releases(&self, app: &str) -> Result<Vec<Release>, HerokuError> {
        let path = ["apps", app, "releases"];
        let request = self.platform_sdk(&path, format!("the releases of {app}"));
        let mut releases: Vec<Release> =
            self.get_page(request, "version ..; max=10, order=desc").await?;
        releases.sort_by_key(|release| std::cmp::Reverse(release.version));
        Ok(releases)
    }

    /// The last 200 releases, to trace the code of a release.
    pub(super) async fn last_releases(&self, app: &str) -> Result<Vec<Release>, HerokuError> {
        let path = ["apps", app, "releases"];
        let request = self.platform_sdk(&path, format!("the releases of {app}"));
        self.get_page(request, "version ..; max=200, order=desc").await
    }

    pub(super) async fn last_builds(&self, app: &str) -> Result<Vec<Build>, HerokuError> {
        let path = ["apps", app, "builds"];
        let request = self.platform(&path, format!("the builds of {app}"));
        Ok(newest_first(self.get_page(request, "created_at ..; order=desc,max=100").await?))
    }

    /// A release by its id or its version.
    pub async fn release(&self, app: &str, id: &str) -> Result<Release, HerokuError> {
        let path = ["apps", app, "releases", id];
        self.get(self.platform(&path, format!("a release of {app}"))).await
    }

    /// Copies the output of a release phase until the release ends, and fails unless the release
    /// succeeded.
    pub async fn watch_release(
        &self,
        app: &str,
        id: &str,
        output: &mut (dyn AsyncWrite + Unpin + Send),
    ) -> Result<Release, HerokuError> {
        let path = ["apps", app, "releases", id];
        let request = self.platform(&path, format!("the release of {app}"));
        self.watch(request, output).await
    }

    /// Makes a new release with the code of an older one. Changes of the release phase to the
    /// database remain.
    pub async fn roll_back(
        &self,
        app: &DestinationApp,
        to: &Release,
    ) -> Result<Release, HerokuError> {
        let newest = self.newest_releases(app.id()).await?;
        let before = newest.iter().map(|one| one.version).max().unwrap_or(0);
        let path = ["apps", app.id(), "releases"];
        let what = format!("the rollback of {} to v{}", app.name(), to.version);
        let request = self.platform_sdk(&path, what);
        match self.post(request, Some(&json!({ "release": to.id }))).await {
            Err(cause) if cause.leaves_doubt() => self.find_rollback(app, to, before, cause).await,
            other => other,
        }
    }

    async fn find_rollback(
        &self,
        app: &DestinationApp,
        to: &Release,
        before: u64,
        cause: HerokuError,
    ) -> Result<Release, HerokuError> {
        let description = format!("Rollback to v{}", to.version);
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(self.timing.poll).await;
            }
            let releases = self.newest_releases(app.id()).await?;
            let is_ours = |one: &Release| one.version > before && one.description == description;
            if let Some(found) = releases.into_iter().find(is_ours) {
                return Ok(found);
            }
        }
        let (app, version) = (app.name().to_owned(), to.version);
        Err(HerokuError::RollbackLost { app, version, cause: Box::new(cause) })
    }
}
