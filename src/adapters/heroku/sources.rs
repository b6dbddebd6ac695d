//! Builds without a push: uploads an archive of the source and starts a build of it.
//!
//! Heroku does not build after a push that moves no ref. With an archive it builds a commit that
//! its repository already has, or an older commit again.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::client::Heroku;
use super::deploys::Build;
use super::destination::DestinationApp;
use super::error::HerokuError;
use crate::adapters::transport;
use crate::secret::Secret;

/// How often an upload is tried, always with the same URL and the same bytes.
const TRIES: u32 = 3;

/// Source code that Heroku can fetch for an hour.
#[derive(Debug)]
pub struct UploadedSource {
    url: Secret,
    checksum: String,
}

#[derive(Deserialize)]
struct Source {
    source_blob: SourceUrls,
}

#[derive(Deserialize)]
struct SourceUrls {
    get_url: Secret,
    put_url: Secret,
}

impl Heroku {
    /// Uploads a `.tar.gz` of source code. Changes nothing in any app.
    pub async fn upload_source(&self, archive: Bytes) -> Result<UploadedSource, HerokuError> {
        let request = self.platform(&["sources"], "a place for source code");
        let SourceUrls { get_url, put_url } = self.post::<Source>(request, None).await?.source_blob;
        let place = Url::parse(put_url.expose()).ok().filter(transport::is_private);
        let place = place.ok_or(HerokuError::SourcePlace)?;
        let checksum = digest(&SHA256, &archive);
        let checksum: String = checksum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        for tried in 1.. {
            match self.put_source(&place, archive.clone()).await {
                Ok(()) => break,
                Err(error) if tried < TRIES && error.leaves_doubt() => {
                    tokio::time::sleep(self.timing.poll).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(UploadedSource { url: get_url, checksum: format!("SHA256:{checksum}") })
    }

    /// The URL is signed for a PUT without a content type and without a token.
    async fn put_source(&self, place: &Url, archive: Bytes) -> Result<(), HerokuError> {
        let what = "the upload of the source code";
        let archive = |request: RequestBuilder| request.timeout(self.timing.job).body(archive);
        let sent = self.api.to_signed_url(Method::PUT, place, what, archive).await?;
        match sent.status() {
            status if status.is_success() => Ok(()),
            status => Err(self.api.status_of_signed_url(what, place, status).into()),
        }
    }

    /// Asks once for a build of uploaded source code. If the answer is lost, the list of builds
    /// shows whether the build began.
    pub async fn start_build(
        &self,
        app: &DestinationApp,
        source: &UploadedSource,
        commit: &str,
    ) -> Result<Build, HerokuError> {
        let path = ["apps", app.id(), "builds"];
        let request = self.platform(&path, format!("a build of {}", app.name()));
        let blob = json!({ "url": source.url.expose(), "version": commit,
            "checksum": source.checksum });
        self.post(request, Some(&json!({ "source_blob": blob }))).await
    }
}
