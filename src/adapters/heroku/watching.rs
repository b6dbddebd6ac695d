//! Watches a build or a release: copies its output, and reads its status until the status is final.
//!
//! The end of the output does not prove the end of the job: only a final status does. The output is
//! read once more after that.

use std::time::Instant;

use reqwest::header::RANGE;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use url::Url;

use super::client::Heroku;
use super::error::HerokuError;
use super::timing::FailedPolls;
use crate::adapters::json_api::Request;
use crate::adapters::transport;
use crate::secret::Secret;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    Pending,
    Succeeded,
    Failed,
    /// The release phase took too long.
    Expired,
    /// A status that bcops does not know, which does not count as the end.
    #[serde(other)]
    Unknown,
}

/// A job that can be watched.
pub trait Job: DeserializeOwned {
    fn status(&self) -> JobStatus;
    /// The URL of its output, readable without a token. Absent until there is output.
    fn output(&self) -> Option<&Secret>;
}

/// How many bytes of the output were copied.
struct Passed<'a> {
    bytes: u64,
    to: &'a mut (dyn AsyncWrite + Unpin + Send),
}

impl Heroku {
    pub(super) async fn watch<T: Job>(
        &self,
        request: Request<'_>,
        output: &mut (dyn AsyncWrite + Unpin + Send),
    ) -> Result<T, HerokuError> {
        let what = &request.what;
        let started = Instant::now();
        let mut pace = self.timing.pace();
        let mut passed = Passed { bytes: 0, to: output };
        let mut failed_polls = FailedPolls::default();
        let mut unread = 0;
        loop {
            let before = passed.bytes;
            let seen = self.get::<T>(request.clone()).await;
            let unseen = |polls, cause| HerokuError::JobUnseen { what: what.clone(), polls, cause };
            if let Some(job) = failed_polls.pass(seen, &self.timing, unseen)? {
                let all = self.pass_on(what, job.output(), &mut passed).await?;
                // New output resets the count of vain attempts.
                unread = if passed.bytes > before { 0 } else { unread + 1 };
                match ended(what, job) {
                    // Retries a few times for the last lines of the output.
                    Some(_) if !all && unread < self.timing.tries => {}
                    Some(ended) => return ended,
                    None => {}
                }
            }
            if started.elapsed() > self.timing.job {
                let (what, limit) = (what.clone(), self.timing.job);
                return Err(HerokuError::JobTooLong { what, limit });
            }
            pace.wait().await;
        }
    }

    /// Copies new output until the server ends it or is silent for long, and returns whether that
    /// was all. Output that cannot be read is not a failure of the job.
    async fn pass_on(
        &self,
        what: &str,
        place: Option<&Secret>,
        passed: &mut Passed<'_>,
    ) -> Result<bool, HerokuError> {
        let Some(place) = place else { return Ok(true) };
        let url = Url::parse(place.expose()).ok().filter(transport::is_private);
        let url = url.ok_or_else(|| HerokuError::OutputElsewhere { what: what.to_owned() })?;
        let new_alone = |request: RequestBuilder| match passed.bytes {
            0 => request.timeout(self.timing.job),
            bytes => request.timeout(self.timing.job).header(RANGE, format!("bytes={bytes}-")),
        };
        let sent = self.api.to_signed_url(Method::GET, &url, what, new_alone);
        let Ok(Ok(mut response)) = tokio::time::timeout(self.timing.request, sent).await else {
            return Ok(false);
        };
        // If the server ignores the range, it sends the known bytes again.
        let mut known = match response.status() {
            StatusCode::OK => passed.bytes,
            StatusCode::PARTIAL_CONTENT => 0,
            // 404 before the release phase has begun, 416 if there is nothing new.
            StatusCode::NOT_FOUND | StatusCode::RANGE_NOT_SATISFIABLE => return Ok(true),
            _ => return Ok(false),
        };
        loop {
            let chunk = tokio::time::timeout(self.timing.request, response.chunk()).await;
            let chunk = match chunk {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Ok(true),
                _ => return Ok(false),
            };
            let skipped = known.min(chunk.len() as u64);
            known -= skipped;
            let new = chunk.get(skipped as usize..).unwrap_or_default();
            let written = async {
                passed.to.write_all(new).await?;
                passed.to.flush().await
            };
            written.await.map_err(|cause| HerokuError::Output { what: what.to_owned(), cause })?;
            passed.bytes += new.len() as u64;
        }
    }
}

fn ended<T: Job>(what: &str, job: T) -> Option<Result<T, HerokuError>> {
    let failed = |status: &str| {
        Some(Err(HerokuError::JobFailed { what: what.to_owned(), status: status.to_owned() }))
    };
    match job.status() {
        JobStatus::Succeeded => Some(Ok(job)),
        JobStatus::Failed => failed("failed"),
        JobStatus::Expired => failed("expired"),
        JobStatus::Pending | JobStatus::Unknown => None,
    }
}
