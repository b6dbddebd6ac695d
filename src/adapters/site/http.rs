//! Sends one GET over an existing connection, and reads the beginning of the body.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, LOCATION, SERVER, USER_AGENT,
};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use url::{Position, Url};

use super::Timing;

/// How many bytes of a body are read.
const LONGEST_BODY: usize = 1 << 20;

/// An answer, with the part of its body that was read.
#[derive(Debug, Clone)]
pub struct SiteAnswer {
    pub status: u16,
    /// From the request to the first byte of the answer, on an open connection.
    pub first_byte: Duration,
    pub location: Option<String>,
    pub content_type: Option<String>,
    pub server: Option<String>,
    pub cache_status: Option<String>,
    /// Set if Cloudflare interfered, for example with a challenge.
    pub mitigated: Option<String>,
    pub body: Vec<u8>,
    /// Whether the body is longer, or broke off.
    pub is_cut: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HttpError {
    #[error("no answer within {seconds} s")]
    Timeout { seconds: u64 },
    #[error("the connection brought no answer: {reason}")]
    Broken { reason: String },
}

/// # Errors
/// Only if no answer began. A body that breaks off is still an answer.
pub(super) async fn get<S>(stream: S, url: &Url, timing: &Timing) -> Result<SiteAnswer, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| HttpError::Broken { reason: with_causes(&error) };
    let request = request(url).map_err(|reason| HttpError::Broken { reason })?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // The task ends with the answer, or when this call is dropped.
    let connection = tokio::spawn(async move {
        let _ = connection.await;
    });
    let _ends = AbortOnDrop(connection);
    let started = Instant::now();
    let response = tokio::time::timeout(timing.answer, sender.send_request(request))
        .await
        .map_err(|_| HttpError::Timeout { seconds: timing.answer.as_secs() })?
        .map_err(broken)?;
    let first_byte = started.elapsed();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let (body, is_cut) = read_body(response, timing.body).await;
    let text = |name: &str| header(&headers, name);
    Ok(SiteAnswer {
        status,
        first_byte,
        location: headers
            .get(LOCATION)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into()),
        content_type: text(CONTENT_TYPE.as_str()),
        server: text(SERVER.as_str()),
        cache_status: text("cf-cache-status"),
        mitigated: text("cf-mitigated"),
        body,
        is_cut,
    })
}

fn request(url: &Url) -> Result<Request<Empty<Bytes>>, String> {
    let path = &url[Position::BeforePath..Position::AfterQuery];
    Request::get(path)
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(USER_AGENT, concat!("bcops/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "text/html,*/*;q=0.5")
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|error| error.to_string())
}

async fn read_body(response: Response<Incoming>, limit: Duration) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    let mut incoming = response.into_body();
    let read = async {
        while let Some(frame) = incoming.frame().await {
            let Ok(frame) = frame else { return true };
            if let Ok(data) = frame.into_data() {
                let room = LONGEST_BODY - body.len();
                body.extend_from_slice(data.get(..room).unwrap_or(&data));
                if data.len() > room {
                    return true;
                }
            }
        }
        false
    };
    let is_cut = tokio::time::timeout(limit, read).await.unwrap_or(true);
    (body, is_cut)
}

/// A header's value, cleaned for a person.
fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    Some(text.chars().filter(|c| !c.is_control()).take(200).collect())
}

fn with_causes(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
