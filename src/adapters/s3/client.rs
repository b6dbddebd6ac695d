//! One signed request after the other, over kept connections.
//!
//! This is our own thin client and not `aws-sdk-s3`, because small objects are what a media bucket
//! is made of, and there the SDK's own work is dearer than everything else together: see the
//! figures in [`crate::adapters::s3`].

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{DATE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response};
use tokio::sync::SemaphorePermit;

use super::address::{Base, BucketAddress, BucketSettings};
use super::classify::{classify, names_region, seconds_behind};
use super::error::S3Error;
use super::outgoing::Outgoing;
use super::pace::{Pace, Retry, Timing};
use super::signing::{Signer, Spaces, has_odd_spaces};
use super::xml;
use crate::adapters::transport;

/// An error's document is small; whatever is longer is none.
const LONGEST_DOCUMENT: usize = 16 << 20;

pub struct Client {
    http: reqwest::Client,
    address: RwLock<BucketAddress>,
    base: RwLock<Arc<Base>>,
    pub(super) signer: Signer,
    pace: Pace,
    timing: Timing,
    /// Seconds that this machine's clock is behind the server's.
    pub(super) skew: AtomicI64,
    /// Whether this server takes the spaces of Unicode for spaces when it checks a signature.
    spaces_are_unicode: AtomicBool,
}

/// How a body takes part in the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// Its hash is signed: for documents.
    Signed,
    /// `Content-MD5` is signed instead: for objects, which need their MD5 anyway.
    Md5,
}

/// What to ask for.
pub struct Call<'a> {
    pub method: Method,
    /// What it is for, as in "cannot read …".
    pub verb: &'static str,
    /// `None` is the bucket itself.
    pub key: Option<&'a str>,
    /// In the order of their names.
    pub query: &'a [(&'a str, &'a str)],
    /// Names in lower case.
    pub headers: &'a [(HeaderName, HeaderValue)],
    pub body: Bytes,
    pub payload: Payload,
    /// Whether the server works before it answers.
    pub slow: bool,
}

impl<'a> Call<'a> {
    pub fn new(method: Method, verb: &'static str, key: Option<&'a str>) -> Call<'a> {
        Call {
            method,
            verb,
            key,
            query: &[],
            headers: &[],
            body: Bytes::new(),
            payload: Payload::Signed,
            slow: false,
        }
    }
}

/// A good answer, whose body is still to come. It holds its turn until it is dropped.
pub struct Answer<'a> {
    pub response: Response,
    _turn: Option<SemaphorePermit<'a>>,
}

impl Client {
    pub fn new(settings: &BucketSettings, timing: Timing, jobs: usize) -> Result<Client, S3Error> {
        let address = BucketAddress::new(settings)?;
        let http = reqwest::Client::builder()
            .connect_timeout(timing.connect)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .http1_only()
            .user_agent(concat!("bcops/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|source| S3Error::Client { place: address.place(), source })?;
        Ok(Client {
            http,
            base: RwLock::new(Arc::new(address.base())),
            address: RwLock::new(address),
            signer: Signer::new(settings.credentials.clone()),
            pace: Pace::new(jobs),
            timing,
            skew: AtomicI64::new(0),
            spaces_are_unicode: AtomicBool::new(false),
        })
    }

    pub fn address(&self) -> BucketAddress {
        self.address.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn retry(&self) -> Retry<'_> {
        Retry::new(&self.timing, &self.pace)
    }

    /// Asks until there is a good answer, or none is to be had.
    pub async fn ask(&self, call: &Call<'_>) -> Result<Answer<'_>, S3Error> {
        let mut retry = self.retry();
        loop {
            match self.ask_once(call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    /// Asks for a document and reads all of it.
    pub async fn document(&self, call: &Call<'_>) -> Result<Bytes, S3Error> {
        let mut retry = self.retry();
        loop {
            match self.document_once(call).await {
                Ok(document) => return Ok(document),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    pub async fn document_once(&self, call: &Call<'_>) -> Result<Bytes, S3Error> {
        let mut answer = self.ask_once(call).await?;
        let stall = if call.slow { self.timing.long_answer } else { self.timing.stall };
        let document = self.read_all(&mut answer.response, stall, &|| self.what(call)).await?;
        // A copy's answer begins before the copy has ended, and so with a 200 in any case.
        match xml::error(&document) {
            None => Ok(document),
            Some((code, message)) => Err(S3Error::Server {
                what: self.what(call),
                status: 200,
                code,
                message,
                retry_after: None,
            }),
        }
    }

    /// Asks once, and in the other way of signing where the server may have another idea of what a
    /// space is.
    pub async fn ask_once(&self, call: &Call<'_>) -> Result<Answer<'_>, S3Error> {
        let unicode = self.spaces_are_unicode.load(Ordering::Relaxed);
        let spaces = if unicode { Spaces::Unicode } else { Spaces::Ascii };
        let first = self.ask_signed(call, spaces).await;
        let refused = |code: &str| code == "SignatureDoesNotMatch";
        let odd = || call.headers.iter().any(|(_, value)| has_odd_spaces(value.as_bytes()));
        if !matches!(&first, Err(S3Error::Refused { code, .. }) if refused(code)) || !odd() {
            return first;
        }
        let second = self.ask_signed(call, spaces.other()).await;
        if second.is_ok() {
            self.spaces_are_unicode.store(!unicode, Ordering::Relaxed);
        }
        second
    }

    async fn ask_signed(&self, call: &Call<'_>, spaces: Spaces) -> Result<Answer<'_>, S3Error> {
        let turn = self.pace.turn().await;
        let base = Arc::clone(&self.base.read().unwrap_or_else(PoisonError::into_inner));
        let outgoing = Outgoing::new(call.body.clone());
        let request = self.request(call, &base, (&outgoing, spaces))?;
        let limit = if call.slow { self.timing.long_answer } else { self.timing.answer };
        let limit = limit + outgoing.time_in_buffers();
        let response = match outgoing.watch(limit, self.http.execute(request)).await {
            Some(Ok(response)) => response,
            Some(Err(source)) => {
                let source = source.without_url();
                return Err(S3Error::Network { what: self.what(call), host: self.host(), source });
            }
            None => {
                return Err(S3Error::Timeout {
                    what: self.what(call),
                    host: self.host(),
                    seconds: limit.as_secs(),
                });
            }
        };
        if response.status().is_success() {
            self.pace.succeeded();
            return Ok(Answer { response, _turn: turn });
        }
        Err(self.failure(call, &base.region, response).await)
    }

    /// The next piece of a body; `None` at its end.
    pub async fn chunk(
        &self,
        response: &mut Response,
        what: &(dyn Fn() -> String + Sync),
    ) -> Result<Option<Bytes>, S3Error> {
        self.chunk_within(response, self.timing.stall, what).await
    }

    async fn chunk_within(
        &self,
        response: &mut Response,
        limit: Duration,
        what: &(dyn Fn() -> String + Sync),
    ) -> Result<Option<Bytes>, S3Error> {
        match tokio::time::timeout(limit, response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(source)) => {
                let source = source.without_url();
                Err(S3Error::Network { what: what(), host: self.host(), source })
            }
            Err(_) => {
                Err(S3Error::Timeout { what: what(), host: self.host(), seconds: limit.as_secs() })
            }
        }
    }

    async fn read_all(
        &self,
        response: &mut Response,
        limit: Duration,
        what: &(dyn Fn() -> String + Sync),
    ) -> Result<Bytes, S3Error> {
        let mut document = Vec::new();
        while let Some(chunk) = self.chunk_within(response, limit, what).await? {
            document.extend_from_slice(&chunk);
            if document.len() > LONGEST_DOCUMENT {
                let reason = "it is longer than any document of S3".to_owned();
                return Err(S3Error::BadAnswer { what: what(), reason });
            }
        }
        Ok(document.into())
    }

    /// What a call is for, for messages.
    pub fn what(&self, call: &Call<'_>) -> String {
        self.describe(call.verb, call.key)
    }

    pub fn describe(&self, verb: &str, key: Option<&str>) -> String {
        let bucket = self.address().bucket;
        match key {
            Some(key) => format!("{verb} `{}` in the bucket {bucket}", key.escape_debug()),
            None => format!("{verb} the bucket {bucket}"),
        }
    }

    pub fn host(&self) -> String {
        self.address().host()
    }

    /// `asked` is the region that the request was signed for.
    async fn failure(&self, call: &Call<'_>, asked: &str, mut response: Response) -> S3Error {
        let status = response.status();
        let retry_after = transport::retry_after(response.headers());
        let region = text(response.headers(), "x-amz-bucket-region").map(str::to_owned);
        let date = text(response.headers(), DATE.as_str()).map(str::to_owned);
        let what = || self.what(call);
        let document =
            self.read_all(&mut response, self.timing.stall, &what).await.unwrap_or_default();
        let (code, message) = xml::error(&document).unwrap_or_else(|| {
            (format!("status {}", status.as_u16()), "the server gave no reason".to_owned())
        });
        let region = region.or_else(|| xml::text_of(&document, b"Region"));
        if let Some(region) = region.filter(|_| names_region(status, &code))
            && region != asked
            && self.move_to(&region)
        {
            return S3Error::OtherRegion { what: what(), region };
        }
        if code == "RequestTimeTooSkewed"
            && let Some(seconds) = date.as_deref().and_then(seconds_behind)
        {
            self.skew.store(seconds, Ordering::Relaxed);
            return S3Error::Skewed { what: what(), seconds };
        }
        classify(what(), status, code, message, retry_after)
    }

    /// Asks the region that the server named from now on. Another request may have learned of it
    /// before. False if it is no name of a region.
    fn move_to(&self, region: &str) -> bool {
        let mut address = self.address.write().unwrap_or_else(PoisonError::into_inner);
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if region.is_empty() || !region.chars().all(plain) {
            return false;
        }
        if address.region() == region {
            return true;
        }
        *address = address.in_region(region);
        *self.base.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(address.base());
        true
    }
}

pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
