//! Reads a bucket. No method here writes.

use std::ops::Range;
use std::sync::Arc;

use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::primitives::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt;

use super::address::{BucketAddress, BucketIdentity, BucketSettings};
use super::broken::Broken;
use super::client::Client;
use super::error::S3Error;
use super::listing::Page;
use super::object::ObjectMeta;

/// Reads a bucket.
#[derive(Clone)]
pub struct SourceBucket {
    pub(super) client: Arc<Client>,
    identity: BucketIdentity,
}

/// An object that is being read.
pub struct ObjectBody<'a> {
    client: &'a Client,
    body: SdkBody,
    key: &'a str,
    pub meta: ObjectMeta,
}

impl ObjectBody<'_> {
    /// The next bytes. `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, S3Error> {
        let Some(frame) = self.body.frame().await else { return Ok(None) };
        // Frames without data are trailers, which S3 does not send.
        frame.map(|frame| frame.into_data().ok()).map_err(|error| {
            let broken = error.downcast::<Broken>();
            let broken = broken.map_or_else(|e| Broken::Unreadable(e.to_string()), |it| *it);
            let what = self.client.describe("read", Some(self.key));
            match broken.into_error(what, self.client.address().host(), Some(self.key)) {
                error @ (S3Error::Network { .. } | S3Error::Timeout { .. }) => {
                    S3Error::BrokenOff(Box::new(error))
                }
                error => error,
            }
        })
    }
}

impl SourceBucket {
    /// `jobs` is how many requests may run at once.
    pub fn new(settings: &BucketSettings, jobs: usize) -> Result<SourceBucket, S3Error> {
        let client = Client::new(settings, jobs)?;
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

    /// "read `key` in the bucket …", for messages.
    pub fn describe(&self, verb: &str, key: &str) -> String {
        self.client.describe(verb, Some(key))
    }

    /// Whether the name is an access point, whose bucket has another name.
    ///
    /// # Errors
    /// If the keys lack permission for the bucket, or the bucket does not exist.
    pub async fn answers_as_access_point(&self) -> Result<bool, S3Error> {
        let request = self.client.sdk.head_bucket().bucket(self.client.bucket());
        let answer = request.send().await.map_err(self.client.failed("look at", None))?;
        Ok(answer.access_point_alias().unwrap_or_default())
    }

    pub async fn list_page(&self, prefix: &str, token: Option<&str>) -> Result<Page, S3Error> {
        self.client.list_page(prefix, token).await
    }

    /// An object's properties, without its bytes.
    pub async fn head(&self, key: &str) -> Result<ObjectMeta, S3Error> {
        self.head_part(key, None).await
    }

    /// The size of the first part of an object that was uploaded in parts, if the server reports
    /// it.
    pub async fn first_part(&self, key: &str) -> Result<Option<u64>, S3Error> {
        let meta = self.head_part(key, Some(1)).await?;
        Ok(meta.parts.and(meta.length))
    }

    async fn head_part(&self, key: &str, part: Option<i32>) -> Result<ObjectMeta, S3Error> {
        let request = self.client.sdk.head_object().bucket(self.client.bucket()).key(key);
        let request = request.set_part_number(part).customize().mutate_request(with_checksum);
        let answer = request.send().await.map_err(self.client.failed("look at", Some(key)))?;
        Ok(ObjectMeta::from(&answer))
    }

    /// Starts to read an object, or a part of it.
    ///
    /// With `version` the object must still have this ETag. This is checked here too, because some
    /// servers ignore `If-Match`.
    pub async fn get<'a>(
        &'a self,
        key: &'a str,
        range: Option<Range<u64>>,
        version: &str,
    ) -> Result<ObjectBody<'a>, S3Error> {
        let client = &*self.client;
        let bytes =
            |range: &Range<u64>| format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let request = client.sdk.get_object().bucket(client.bucket()).key(key);
        let request = request
            .set_range(range.as_ref().map(bytes))
            .set_if_match((!version.is_empty()).then(|| format!("\"{version}\"")))
            .customize()
            .mutate_request(with_checksum);
        let mut answer = request.send().await.map_err(client.failed("read", Some(key)))?;
        let meta = ObjectMeta::from(&answer);
        let what = || client.describe("read", Some(key));
        // A server that does not name the version is trusted to respect `If-Match`.
        if !version.is_empty() && !meta.etag.is_empty() && meta.etag != version {
            return Err(S3Error::Changed { what: what() });
        }
        if let Some(range) = range
            && meta.part.is_none_or(|(first, _)| first != range.start)
        {
            let reason = "it is not the requested range".to_owned();
            return Err(S3Error::BadAnswer { what: what(), reason });
        }
        let body = std::mem::take(&mut answer.body).into_inner();
        Ok(ObjectBody { client, body, key, meta })
    }
}

/// Asks for the checksum that is stored with an object. The header is set by hand, because the SDK
/// would also compare the checksum, which `media` does, also for bodies in pieces.
fn with_checksum(request: &mut HttpRequest) {
    request.headers_mut().insert("x-amz-checksum-mode", "ENABLED");
}
