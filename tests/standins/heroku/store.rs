//! Plays the object store behind signed URLs: ranges, entity tags, expiry, and errors in XML.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use hyper::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::faults::StoreFault;
use super::state::{Shared, World};
use crate::standins::server::{Body, Recorded, full};

const CHUNK: u64 = 64 << 10;

#[derive(Debug, Clone)]
pub struct Object {
    pub path: PathBuf,
    pub length: u64,
    pub entity_tag: String,
}

impl Object {
    pub fn of(path: &Path, uuid: &str) -> Self {
        let length = std::fs::metadata(path).expect("a dump").len();
        Object { path: path.to_owned(), length, entity_tag: format!("\"{uuid}\"") }
    }
}

/// What a signed URL allows.
#[derive(Debug, Clone)]
pub struct Signature {
    object: String,
    expires_at: Timestamp,
}

/// Makes a signed URL, and returns its expiry too.
pub fn sign(world: &mut World, object: &str, lifetime: Duration) -> (String, Timestamp) {
    let expires_at = Timestamp::now() + lifetime;
    let signature = world.new_id();
    let url = format!("{}/store/{object}?X-Amz-Signature={signature}", world.store_base);
    world.signatures.insert(signature, Signature { object: object.to_owned(), expires_at });
    (url, expires_at)
}

/// Limits all connections together to this many bytes a second.
pub struct Throttle {
    bytes_per_second: Option<u64>,
    free_from: Mutex<Instant>,
}

impl Throttle {
    pub fn new(bytes_per_second: Option<u64>) -> Self {
        Throttle { bytes_per_second, free_from: Mutex::new(Instant::now()) }
    }

    async fn pass(&self, bytes: u64) {
        let Some(rate) = self.bytes_per_second else { return };
        let turn = {
            let mut free_from = self.free_from.lock().expect("no panic");
            let turn = (*free_from).max(Instant::now());
            *free_from = turn + Duration::from_secs_f64(bytes as f64 / rate as f64);
            *free_from
        };
        tokio::time::sleep_until(turn.into()).await;
    }
}

pub fn answer(
    shared: &Arc<Shared>,
    request: &Recorded,
    id: &str,
    fault: Option<StoreFault>,
) -> Response<Body> {
    let world = shared.world();
    let signature = request.parameter("X-Amz-Signature");
    let signature = signature.and_then(|name| world.signatures.get(&name));
    let valid = signature.filter(|one| one.object == id && one.expires_at > Timestamp::now());
    // A presigned URL is for one method, and a second kind of credentials is refused.
    let presigned = request.method == "GET" && request.header("authorization").is_none();
    if valid.is_none() || !presigned || fault == Some(StoreFault::Expired) {
        return xml_error(403, "AccessDenied", "Request has expired");
    }
    let Some(object) = world.objects.get(id).cloned() else {
        return xml_error(404, "NoSuchKey", "The specified key does not exist.");
    };
    drop(world);
    send(Arc::clone(shared), request, object, fault)
}

fn send(
    shared: Arc<Shared>,
    request: &Recorded,
    mut object: Object,
    fault: Option<StoreFault>,
) -> Response<Body> {
    match fault {
        Some(StoreFault::OtherTag) => object.entity_tag = "\"replaced\"".to_owned(),
        Some(StoreFault::Shorter(length)) => object.length = length,
        _ => {}
    }
    let same = request.header(IF_RANGE.as_str()).is_none_or(|tag| tag == object.entity_tag);
    let range = request
        .header(RANGE.as_str())
        .filter(|_| same && fault != Some(StoreFault::IgnoreRange))
        .map(|text| parse_range(text, object.length));
    let (status, first, last) = match range {
        None => (200, 0, object.length),
        Some(Some((first, end))) => match fault {
            Some(StoreFault::ShortPart(length)) => (206, first, end.min(first + length)),
            _ => (206, first, end),
        },
        Some(None) => return xml_error(416, "InvalidRange", "The range is not satisfiable"),
    };
    let mut builder = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(ACCEPT_RANGES, "bytes")
        .header(ETAG, &object.entity_tag);
    if fault != Some(StoreFault::NoLength) {
        builder = builder.header(CONTENT_LENGTH, last - first);
    }
    if status == 206 {
        let (late, more) = match fault {
            Some(StoreFault::WrongStart(late)) => (late, 0),
            Some(StoreFault::WrongTotal(more)) => (0, more),
            _ => (0, 0),
        };
        let total = object.length + more;
        let content_range = format!("bytes {}-{}/{total}", first + late, last - 1);
        builder = builder.header(CONTENT_RANGE, content_range);
    }
    builder.body(content(shared, object, first, last, fault)).expect("a response")
}

/// `bytes=5-` or `bytes=5-9` as the first byte and the one after the last; `None` if beyond the end.
fn parse_range(text: &str, length: u64) -> Option<(u64, u64)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok().filter(|first| *first < length)?;
    let end = last.parse::<u64>().map_or(length, |last| (last + 1).min(length));
    Some((first, end))
}

/// The bytes from `first` to `end` of the object, with the set rate and faults.
fn content(
    shared: Arc<Shared>,
    object: Object,
    first: u64,
    end: u64,
    fault: Option<StoreFault>,
) -> Body {
    let parts = stream::try_unfold((None, first), move |(file, position)| {
        let (shared, object, fault) = (Arc::clone(&shared), object.clone(), fault.clone());
        async move {
            let sent = position - first;
            let mut length = CHUNK.min(end - position);
            match fault {
                Some(StoreFault::CutAfter(limit)) if sent >= limit => {
                    // Without a pause the server would drop unsent bytes.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    return Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
                }
                Some(StoreFault::StallAfter(limit)) if sent >= limit => {
                    std::future::pending::<()>().await;
                }
                Some(StoreFault::CutAfter(limit) | StoreFault::StallAfter(limit)) => {
                    length = length.min(limit - sent);
                }
                _ => {}
            }
            if length == 0 {
                return Ok(None);
            }
            shared.throttle.pass(length).await;
            let mut file = match file {
                Some(file) => file,
                None => opened(&object.path, position).await?,
            };
            let mut bytes = vec![0; length as usize];
            file.read_exact(&mut bytes).await?;
            if let Some(StoreFault::FlippedByte(offset)) = fault
                && (position..position + length).contains(&offset)
            {
                bytes[(offset - position) as usize] ^= 0xff;
            }
            let frame = Frame::data(Bytes::from(bytes));
            Ok(Some((frame, (Some(file), position + length))))
        }
    });
    StreamBody::new(parts).boxed_unsync()
}

async fn opened(path: &Path, position: u64) -> std::io::Result<tokio::fs::File> {
    let mut file = tokio::fs::File::open(path).await?;
    file.seek(std::io::SeekFrom::Start(position)).await?;
    Ok(file)
}

fn xml_error(status: u16, code: &str, message: &str) -> Response<Body> {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let builder = Response::builder().status(status).header(CONTENT_TYPE, "application/xml");
    builder.body(full(xml)).expect("a response")
}
