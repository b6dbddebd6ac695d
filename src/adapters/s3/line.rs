//! Sends the SDK's requests over `reqwest`: limits waits and pace, and learns the bucket's region
//! and the server's time from refusals.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
use aws_sdk_s3::config::{HttpClient, RuntimeComponents};
use aws_sdk_s3::error::ConnectorError;
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use jiff::Timestamp;
use reqwest::header::{CONTENT_LENGTH, DATE, HeaderMap};
use reqwest::{Method, Request, Response};

use super::address::{BucketAddress, BucketSettings};
use super::broken::Broken;
use super::document;
use super::error::S3Error;
use super::outgoing::Outgoing;
use super::pace::{Pace, Turn};
use super::timing::Timing;

/// The longest document. The longest of S3 is a page of a thousand keys.
const LONGEST_DOCUMENT: usize = 16 << 20;

/// The connection to one bucket.
#[derive(Clone)]
pub struct Line {
    http: reqwest::Client,
    timing: Timing,
    shared: Arc<Shared>,
}

struct Shared {
    pace: Pace,
    place: RwLock<Place>,
    /// Seconds that this machine's clock is behind the server's.
    skew: AtomicI64,
}

struct Place {
    address: BucketAddress,
    endpoint: Endpoint,
}

/// The facts about a request that are needed to judge a refusal.
struct Asked {
    /// Holds the region of the signature.
    authorization: String,
    is_first_try: bool,
    /// Whether the server does long work before it answers.
    is_slow: bool,
    reads_object: bool,
}

impl Line {
    pub fn new(settings: &BucketSettings, timing: Timing, jobs: usize) -> Result<Line, S3Error> {
        let address = BucketAddress::new(settings)?;
        let http = reqwest::Client::builder()
            .connect_timeout(timing.connect)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .tcp_nodelay(true)
            .http1_only()
            .build()
            .map_err(|source| S3Error::Client { place: address.place(), source })?;
        let place = RwLock::new(Place { endpoint: address.endpoint(), address });
        let shared = Shared { pace: Pace::new(jobs), place, skew: AtomicI64::new(0) };
        Ok(Line { http, timing, shared: Arc::new(shared) })
    }

    pub fn address(&self) -> BucketAddress {
        self.shared.place.read().unwrap_or_else(PoisonError::into_inner).address.clone()
    }

    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, Broken> {
        let asked = Asked::of(&request);
        let turn = self.shared.pace.turn(matches!(request.method(), "GET" | "HEAD")).await;
        let (request, outgoing) = outgoing(request).await?;
        let limit = if asked.is_slow { self.timing.long_answer } else { self.timing.answer };
        let limit = limit + outgoing.time_in_buffers();
        let mut response = match outgoing.watch(limit, self.http.execute(request)).await {
            Some(answer) => answer.map_err(Broken::network)?,
            None => {
                turn.throttled();
                return Err(Broken::Stalled { limit, may_repeat: asked.is_first_try });
            }
        };
        turn.answered();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = if asked.reads_object && status.is_success() {
            self.streamed(response, turn)
        } else {
            let stall = if asked.is_slow { self.timing.long_answer } else { self.timing.stall };
            let document = read_all(&mut response, stall).await;
            // For a refusal the status is enough.
            let document =
                if status.is_success() { document? } else { document.unwrap_or_default() };
            if !status.is_success() {
                if matches!(status.as_u16(), 429 | 503) {
                    turn.throttled();
                }
                self.learn(&asked, &headers, &document)?;
            } else if !document::is_whole(&document) {
                return Err(Broken::Unreadable("it is incomplete".to_owned()));
            }
            // During long work a server sends spaces before its answer. No document begins with
            // spaces.
            SdkBody::from(document.slice_ref(document.trim_ascii_start()))
        };
        answer(status.as_u16(), &headers, body)
    }

    /// An object's body, which keeps its turn until its end.
    fn streamed(&self, response: Response, turn: Turn) -> SdkBody {
        let stall = self.timing.stall;
        let chunks = stream::unfold((response, turn), move |(mut response, turn)| async move {
            let chunk = chunk(&mut response, stall).await.transpose()?;
            Some((chunk.map(Frame::data), (response, turn)))
        });
        // The SDK asks for trailers after the end.
        SdkBody::from_body_1_x(StreamBody::new(chunks.fuse()))
    }

    /// Corrects the region or the clock after a refusal, so that the request can be sent again.
    fn learn(&self, asked: &Asked, headers: &HeaderMap, document: &[u8]) -> Result<(), Broken> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let region = text("x-amz-bucket-region").map(str::to_owned);
        if let Some(region) = region.or_else(|| document::element(document, "Region"))
            && !asked.authorization.contains(&format!("/{region}/"))
            && self.move_to(&region)
        {
            return Err(Broken::OtherRegion(region));
        }
        if document::element(document, "Code").as_deref() == Some("RequestTimeTooSkewed")
            && let Some(seconds) = text(DATE.as_str()).and_then(seconds_behind)
        {
            self.shared.skew.store(seconds, Ordering::Relaxed);
            return Err(Broken::Skewed(seconds));
        }
        Ok(())
    }

    /// Uses the region that the server named from now on. Another request may have changed it
    /// already. False if it is not a region name.
    fn move_to(&self, region: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if region.is_empty() || !region.chars().all(plain) {
            return false;
        }
        let mut place = self.shared.place.write().unwrap_or_else(PoisonError::into_inner);
        if place.address.region() != region {
            let address = place.address.in_region(region);
            *place = Place { endpoint: address.endpoint(), address };
        }
        true
    }
}

impl Asked {
    fn of(request: &HttpRequest) -> Asked {
        let header = |name: &str| request.headers().get(name).unwrap_or_default();
        let (_, query) = request.uri().split_once('?').unwrap_or_default();
        let ends_upload = request.method() == "POST" && query.contains("uploadId=");
        Asked {
            authorization: header("authorization").to_owned(),
            is_first_try: header("amz-sdk-request").starts_with("attempt=1"),
            is_slow: ends_upload || !header("x-amz-copy-source").is_empty(),
            reads_object: query.contains("x-id=GetObject"),
        }
    }
}

/// The request as `reqwest` sends it, with its body.
async fn outgoing(request: HttpRequest) -> Result<(Request, Outgoing), Broken> {
    let request = request.try_into_http1x().map_err(|_| Broken::UnusableKey)?;
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let body = body.collect().await.map_err(|error| Broken::Unreadable(error.to_string()))?;
    let outgoing = Outgoing::new(body.to_bytes());
    let request = hyper::Request::from_parts(head, outgoing.body());
    let mut request = Request::try_from(request).map_err(|_| Broken::UnusableKey)?;
    // A path with `..` would be shortened to another path.
    if path != request.url().path() {
        return Err(Broken::UnusableKey);
    }
    if outgoing.is_empty() && matches!(*request.method(), Method::GET | Method::HEAD) {
        *request.body_mut() = None;
    } else {
        request.headers_mut().insert(CONTENT_LENGTH, outgoing.len().into());
    }
    Ok((request, outgoing))
}

/// Drops headers that are not UTF-8, because the SDK would refuse the whole answer.
fn answer(status: u16, headers: &HeaderMap, body: SdkBody) -> Result<HttpResponse, Broken> {
    let unreadable = |_| Broken::Unreadable(format!("status {status} is not valid"));
    let mut answer = HttpResponse::new(status.try_into().map_err(unreadable)?, body);
    for (name, value) in headers {
        if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
            let _ = answer.headers_mut().try_append(name.as_str().to_owned(), value.to_owned());
        }
    }
    Ok(answer)
}

async fn chunk(response: &mut Response, limit: Duration) -> Result<Option<Bytes>, Broken> {
    match tokio::time::timeout(limit, response.chunk()).await {
        Ok(chunk) => chunk.map_err(Broken::network),
        Err(_) => Err(Broken::Stalled { limit, may_repeat: false }),
    }
}

async fn read_all(response: &mut Response, limit: Duration) -> Result<Bytes, Broken> {
    let mut document = Vec::new();
    while let Some(chunk) = chunk(response, limit).await? {
        document.extend_from_slice(&chunk);
        if document.len() > LONGEST_DOCUMENT {
            return Err(Broken::Unreadable("it is longer than any document of S3".to_owned()));
        }
    }
    Ok(document.into())
}

/// How far this machine's clock is behind a server's, according to the server's header.
fn seconds_behind(date: &str) -> Option<i64> {
    let server = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    Some(server.duration_since(Timestamp::now()).as_secs())
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let line = self.clone();
        HttpConnectorFuture::new(
            async move { line.carry(request).await.map_err(ConnectorError::from) },
        )
    }
}

impl HttpClient for Line {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl ResolveEndpoint for Line {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        let place = self.shared.place.read().unwrap_or_else(PoisonError::into_inner);
        EndpointFuture::ready(Ok(place.endpoint.clone()))
    }
}

impl TimeSource for Line {
    fn now(&self) -> SystemTime {
        let skew = self.shared.skew.load(Ordering::Relaxed);
        let (now, by) = (SystemTime::now(), Duration::from_secs(skew.unsigned_abs()));
        let shifted = if skew < 0 { now.checked_sub(by) } else { now.checked_add(by) };
        shifted.unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_path_that_would_change_is_refused() {
        for (uri, is_right) in [
            ("http://h/b/a%20b//c?x=1", true),
            ("http://h/b/../b/x", false),
            ("http://h/b/./x", false),
        ] {
            let mut request = HttpRequest::new(SdkBody::empty());
            request.set_uri(uri).unwrap();
            assert_eq!(outgoing(request).await.is_ok(), is_right, "{uri}");
        }
    }
}
