//! Listens in front of `s3s`: keeps the log, checks the rights of keys, and applies faults.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, DATE, HeaderValue};
use hyper::server::conn::http1;
use hyper::{Request, Response};
use s3s::service::S3Service;
use tokio::net::TcpListener;

use super::faults::Fault;
use super::limits::Meter;
use super::requests::Recorded;
use super::setup::{self, Setup};
use super::store::{Store, hex, md5};
use crate::standins::server::{Body, Faults, Server, full, response};

/// What a pair of keys may do, by bucket: read it, or read and write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    Read,
    Write,
    /// Puts and deletes, and neither lists nor reads.
    WriteOnly,
}

pub type Rights = BTreeMap<String, BTreeMap<String, Right>>;

pub struct Shared {
    pub store: Store,
    pub faults: Faults<Fault>,
    pub meter: Meter,
    pub log: Mutex<Vec<Recorded>>,
    pub keep_log: bool,
    pub rights: Mutex<Rights>,
    /// By bucket.
    pub setups: Mutex<BTreeMap<String, Setup>>,
    /// The names of users, by their keys.
    pub users: Mutex<BTreeMap<String, String>>,
}

pub fn serve(listener: TcpListener, shared: Arc<Shared>, s3: S3Service) -> Server {
    let mut http = http1::Builder::new();
    http.half_close(true);
    Server::with(http, listener, None, move |request| {
        let (shared, s3) = (Arc::clone(&shared), s3.clone());
        async move { answer(&shared, &s3, request).await }
    })
}

async fn answer(
    shared: &Shared,
    s3: &S3Service,
    request: Request<Incoming>,
) -> Result<Response<Body>, std::io::Error> {
    let recorded = Recorded::new(request.method(), request.uri(), request.headers());
    let fault = shared.faults.for_request(recorded.operation, &recorded.place());
    let allowed = is_allowed(shared, &recorded);
    if shared.keep_log {
        shared.log.lock().expect("no panic").push(recorded.clone());
    }
    let closed = || std::io::Error::other("closed on purpose");
    let latency = shared.meter.latency();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    if !shared.meter.lets_through(&recorded) {
        let _ = request.into_body().collect().await;
        return Ok(error(503, "SlowDown", "Please reduce your request rate."));
    }
    match &fault {
        Some(Fault::CloseBefore) => return Err(closed()),
        Some(Fault::Hang) => std::future::pending::<()>().await,
        Some(Fault::Slow(wait)) => tokio::time::sleep(*wait).await,
        Some(Fault::Removed) => {
            let (bucket, key) = recorded
                .copy_source
                .clone()
                .unwrap_or((recorded.bucket.clone(), recorded.key.clone()));
            let mut contents = shared.store.contents();
            contents.buckets.get_mut(&bucket).and_then(|bucket| bucket.remove(&key));
        }
        Some(Fault::Replaced) => replace(&shared.store, &recorded),
        Some(fault) => {
            if let Some(response) = refusal(fault, &recorded) {
                // Reads the whole body before a refusal, because hyper requires that, unlike AWS.
                let _ = request.into_body().collect().await;
                return Ok(response);
            }
        }
        None => {}
    }
    let special = setup::caller(shared, &recorded)
        .or_else(|| setup::answer(shared, &recorded))
        .or_else(|| setup::to_a_stranger(shared, &recorded));
    if let Some(response) = special {
        let _ = request.into_body().collect().await;
        return Ok(response);
    }
    if !allowed {
        let _ = request.into_body().collect().await;
        return Ok(error(403, "AccessDenied", "Access Denied"));
    }
    let response = s3.call(request.map(s3s::Body::from)).await.map_err(std::io::Error::other)?;
    let response = response.map(|body| body.map_err(std::io::Error::other).boxed_unsync());
    match fault {
        Some(Fault::CloseAfter) => Err(closed()),
        Some(fault) => spoil(response, &fault).await,
        None => Ok(response),
    }
}

fn is_allowed(shared: &Shared, request: &Recorded) -> bool {
    let rights = shared.rights.lock().expect("no panic");
    // The check of the signature refuses unknown keys.
    let Some(rights) = rights.get(&request.access_key) else { return true };
    let right = |bucket: &str| rights.get(bucket).copied();
    let may_read = |bucket: &str| matches!(right(bucket), Some(Right::Read | Right::Write));
    let may_write = |bucket: &str| matches!(right(bucket), Some(Right::Write | Right::WriteOnly));
    let reads_source = request.copy_source.as_ref().is_none_or(|(bucket, _)| may_read(bucket));
    let here = match (request.operation, request.writes()) {
        ("ListBuckets" | "CreateBucket", _) => true,
        (_, true) => may_write(&request.bucket),
        (_, false) => may_read(&request.bucket),
    };
    here && reads_source
}

/// Replaces the requested object, or the source of a copy, with one of the same size.
fn replace(store: &Store, request: &Recorded) {
    let mut contents = store.contents();
    let (bucket, key) =
        request.copy_source.clone().unwrap_or((request.bucket.clone(), request.key.clone()));
    let object = contents.buckets.get_mut(&bucket).and_then(|bucket| bucket.get_mut(&key));
    if let Some(object) = object {
        let mut changed = (**object).clone();
        let body: Vec<u8> = changed.body.iter().map(|byte| byte ^ 0x5a).collect();
        changed.etag = hex(&md5(&body));
        changed.checksums = store.default_checksums(&body);
        changed.body = body.into();
        *object = Arc::new(changed);
    }
}

fn refusal(fault: &Fault, request: &Recorded) -> Option<Response<Body>> {
    let lists = request.operation == "ListObjectsV2";
    Some(match fault {
        Fault::ServerError => error(500, "InternalError", "We encountered an internal error."),
        Fault::SlowDown => error(503, "SlowDown", "Please reduce your request rate."),
        Fault::TooManyRequests => error(429, "TooManyRequests", "Too many requests."),
        Fault::AccessDenied => error(403, "AccessDenied", "Access Denied"),
        Fault::SignatureDoesNotMatch => error(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        ),
        Fault::NoAcl if request.acl.is_some() => {
            error(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
        }
        Fault::SameToken => document(
            200,
            "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken></ListBucketResult>",
        ),
        Fault::Endless => endless(request),
        Fault::NotFound if lists => error(404, "NoSuchBucket", "The bucket does not exist"),
        Fault::NotFound => error(404, "NoSuchKey", "The specified key does not exist."),
        Fault::ExpiredToken => error(400, "ExpiredToken", "The provided token has expired."),
        Fault::Skewed(seconds) => skewed(*seconds),
        Fault::InRegion { region, redirects } if request.region != *region => {
            elsewhere(region, *redirects)
        }
        Fault::ErrorIn200 => error(200, "InternalError", "We encountered an internal error."),
        Fault::EmptyListing => document(
            200,
            "<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>",
        ),
        _ => return None,
    })
}

/// A page with one object, followed by endless pages.
fn endless(request: &Recorded) -> Response<Body> {
    let value = |name: &str| {
        request.query.split('&').find_map(|pair| pair.strip_prefix(name)).unwrap_or_default()
    };
    let number: u64 = value("continuation-token=").parse().unwrap_or(0);
    let (prefix, next) = (value("prefix=").replace("%2F", "/"), number + 1);
    document(
        200,
        &format!(
            "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>{next}</NextContinuationToken>\
             <Contents><Key>{prefix}{number:012}</Key><LastModified>2024-05-01T10:00:00.000Z</LastModified><Size>1</Size></Contents></ListBucketResult>"
        ),
    )
}

fn elsewhere(region: &'static str, redirects: bool) -> Response<Body> {
    if redirects {
        let mut response = error(301, "PermanentRedirect", "The bucket is addressed elsewhere.");
        response.headers_mut().insert("x-amz-bucket-region", HeaderValue::from_static(region));
        return response;
    }
    let code = "AuthorizationHeaderMalformed";
    let text = "The authorization header is malformed; the region is wrong";
    document(
        400,
        &format!(
            "<Error><Code>{code}</Code><Message>{text}</Message><Region>{region}</Region></Error>"
        ),
    )
}

fn skewed(seconds: i64) -> Response<Body> {
    let text = "The difference between the request time and the server's time is too large.";
    let mut response = error(403, "RequestTimeTooSkewed", text);
    let date = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    response.headers_mut().insert(DATE, HeaderValue::from_str(&date).expect("a date"));
    response
}

pub fn error(status: u16, code: &str, message: &str) -> Response<Body> {
    let body = format!(
        "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>0000</RequestId></Error>"
    );
    document(status, &body)
}

pub fn document(status: u16, body: &str) -> Response<Body> {
    let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}");
    response(status, "application/xml", text)
}

/// Part of a body, and then a closed connection.
fn broken(bytes: Bytes) -> Body {
    let frames = stream::unfold(Some(bytes), |state| async move {
        match state {
            Some(bytes) => Some((Ok(Frame::data(bytes)), None)),
            None => {
                // Lets the part before leave first.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Err(std::io::Error::other("cut on purpose")), None))
            }
        }
    });
    BodyExt::boxed_unsync(StreamBody::new(frames))
}

/// Changes the answer's body, or its headers.
async fn spoil(response: Response<Body>, fault: &Fault) -> Result<Response<Body>, std::io::Error> {
    let (mut head, body) = response.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let length = bytes.len() as u64;
    let body = match fault {
        Fault::CutBody(at) => {
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            broken(bytes.slice(..(*at).min(bytes.len())))
        }
        Fault::LongerLength(more) => {
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length + more));
            broken(bytes)
        }
        Fault::ShortBody(at) => {
            let bytes = bytes.slice(..(*at).min(bytes.len()));
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            full(bytes)
        }
        Fault::FlippedByte(at) => {
            let mut bytes = bytes.to_vec();
            if let Some(byte) = bytes.get_mut(*at) {
                *byte = !*byte;
            }
            full(bytes)
        }
        Fault::StopsEarly => {
            let text = String::from_utf8_lossy(&bytes);
            let text = text.replace("<IsTruncated>true<", "<IsTruncated>false<");
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
            full(text)
        }
        Fault::Reversed => full(reversed(&bytes)),
        _ => full(bytes),
    };
    Ok(Response::from_parts(head, body))
}

/// The same page of a listing with reversed entries.
fn reversed(page: &[u8]) -> Bytes {
    let text = String::from_utf8_lossy(page);
    let mut entries: Vec<&str> = text.split_inclusive("</Contents>").collect();
    let tail = entries.pop().unwrap_or_default();
    let (head, first) = match entries.first().and_then(|first| first.find("<Contents>")) {
        Some(at) => entries[0].split_at(at),
        None => return Bytes::copy_from_slice(page),
    };
    entries[0] = first;
    entries.reverse();
    format!("{head}{}{tail}", entries.concat()).into()
}
