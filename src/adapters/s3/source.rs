//! A bucket that is only ever read: no method here writes.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue, IF_MATCH, RANGE};

use super::address::{BucketAddress, BucketIdentity, BucketSettings};
use super::client::{Answer, Call, Client};
use super::error::S3Error;
use super::listing::Page;
use super::object::ObjectMeta;
use super::pace::{Retry, Timing};

const CHECKSUM_MODE: HeaderName = HeaderName::from_static("x-amz-checksum-mode");

/// Reads a bucket.
#[derive(Clone)]
pub struct SourceBucket {
    pub(super) client: Arc<Client>,
    identity: BucketIdentity,
}

/// An object under way.
pub struct ObjectBody<'a> {
    client: &'a Client,
    answer: Answer<'a>,
    key: &'a str,
    pub meta: ObjectMeta,
}

impl ObjectBody<'_> {
    /// The next bytes; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, S3Error> {
        let (client, key) = (self.client, self.key);
        let what = || client.describe("read", Some(key));
        client.chunk(&mut self.answer.response, &what).await
    }
}

impl SourceBucket {
    /// `jobs` is how many requests may be under way at once.
    pub fn new(settings: &BucketSettings, jobs: usize) -> Result<SourceBucket, S3Error> {
        let timing = Timing::default().limited(settings.timeout);
        SourceBucket::with_timing(settings, timing, jobs)
    }

    pub fn with_timing(
        settings: &BucketSettings,
        timing: Timing,
        jobs: usize,
    ) -> Result<SourceBucket, S3Error> {
        let client = Client::new(settings, timing, jobs)?;
        let identity = BucketIdentity::of(&client.address(), &settings.credentials);
        Ok(SourceBucket { client: Arc::new(client), identity })
    }

    pub fn address(&self) -> BucketAddress {
        self.client.address()
    }

    pub fn identity(&self) -> &BucketIdentity {
        &self.identity
    }

    /// `bucket on host`, for messages.
    pub fn place(&self) -> String {
        self.address().place()
    }

    pub fn retry(&self) -> Retry<'_> {
        self.client.retry()
    }

    /// "read `key` in the bucket …", for messages.
    pub fn describe(&self, verb: &str, key: &str) -> String {
        self.client.describe(verb, Some(key))
    }

    /// Whether the server answers for an access point: the bucket behind has another name.
    ///
    /// # Errors
    /// Where the keys may not look at the bucket, or it is not there.
    pub async fn answers_as_access_point(&self) -> Result<bool, S3Error> {
        let answer = self.client.ask(&Call::new(Method::HEAD, "look at", None)).await?;
        let header = answer.response.headers().get("x-amz-access-point-alias");
        Ok(header.is_some_and(|value| value != "false"))
    }

    pub async fn list_page(&self, prefix: &str, token: Option<&str>) -> Result<Page, S3Error> {
        self.client.list_page(prefix, token).await
    }

    /// What is known of an object without its bytes.
    pub async fn head(&self, key: &str) -> Result<ObjectMeta, S3Error> {
        let headers = [(CHECKSUM_MODE, HeaderValue::from_static("ENABLED"))];
        let call = Call { headers: &headers, ..Call::new(Method::HEAD, "look at", Some(key)) };
        Ok(ObjectMeta::read(self.client.ask(&call).await?.response.headers()))
    }

    /// The size of the first part of an object that was uploaded in parts, where the server tells.
    pub async fn first_part(&self, key: &str) -> Result<Option<u64>, S3Error> {
        let query = [("partNumber", "1")];
        let call = Call { query: &query, ..Call::new(Method::HEAD, "look at", Some(key)) };
        let meta = ObjectMeta::read(self.client.ask(&call).await?.response.headers());
        Ok(meta.parts.and(meta.length))
    }

    /// Begins to read an object, or a part of it, once: whoever reads knows how to go on.
    ///
    /// With `version` the object must still have this ETag. That is checked here as well, for
    /// there are servers that do not look at `If-Match`.
    pub async fn get<'a>(
        &'a self,
        key: &'a str,
        range: Option<Range<u64>>,
        version: &str,
    ) -> Result<ObjectBody<'a>, S3Error> {
        let mut headers = Vec::with_capacity(3);
        if !version.is_empty()
            && let Ok(value) = HeaderValue::from_str(&format!("\"{version}\""))
        {
            headers.push((IF_MATCH, value));
        }
        if let Some(range) = &range {
            let text = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.push((RANGE, value));
            }
        }
        headers.push((CHECKSUM_MODE, HeaderValue::from_static("ENABLED")));
        let call = Call { headers: &headers, ..Call::new(Method::GET, "read", Some(key)) };
        let answer = self.client.ask_once(&call).await?;
        let meta = ObjectMeta::read(answer.response.headers());
        let what = || self.client.what(&call);
        // A server that does not say which version it sends is believed to keep to `If-Match`.
        if !version.is_empty() && !meta.etag.is_empty() && meta.etag != version {
            return Err(S3Error::Changed { what: what() });
        }
        if let Some(range) = range
            && meta.part.is_none_or(|(first, _)| first != range.start)
        {
            let reason = "it is not the range that was asked for".to_owned();
            return Err(S3Error::BadAnswer { what: what(), reason });
        }
        Ok(ObjectBody { client: &self.client, answer, key, meta })
    }
}
