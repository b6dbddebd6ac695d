//! HTTP plumbing: listening, the request log, faults, and the way to the three services.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::faults::Fault;
use super::state::Shared;
use super::{data, logs, platform, pushes, releases, restores, sources, store};

pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub method: String,
    /// With the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
    /// The body as it came, where it need not be text.
    pub bytes: Bytes,
}

impl Recorded {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn segments(&self) -> Vec<&str> {
        let path = self.path.split('?').next().unwrap_or_default();
        path.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.path.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// An answer of one of the two APIs.
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub headers: Vec<(&'static str, String)>,
}

impl Reply {
    pub fn ok(body: Value) -> Self {
        Reply { status: 200, body, headers: Vec::new() }
    }

    pub fn error(status: u16, id: &str, message: &str) -> Self {
        Reply { status, body: json!({ "id": id, "message": message }), headers: Vec::new() }
    }

    pub fn not_found(resource: &str) -> Self {
        let message = format!("Couldn't find that {}.", resource.replace('_', " "));
        let body = json!({ "id": "not_found", "resource": resource, "message": message });
        Reply { status: 404, body, headers: Vec::new() }
    }

    fn into_response(self) -> Response<Body> {
        let mut builder = Response::builder()
            .status(self.status)
            .header(CONTENT_TYPE, "application/json;charset=utf-8")
            .header("RateLimit-Remaining", "4499");
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        builder.body(full(self.body.to_string())).expect("a response")
    }
}

pub fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

pub async fn bind(port: u16) -> TcpListener {
    TcpListener::bind(("127.0.0.1", port)).await.expect("a free port on loopback")
}

pub async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // The connections end together with the task that accepts them.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            match tls {
                None => speak(socket, shared).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(socket).await {
                        speak(stream, shared).await;
                    }
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    let mut http = hyper::server::conn::http1::Builder::new();
    // A client that goes away in the middle is an everyday thing here.
    let _ = http.max_buf_size(64 << 10).serve_connection(TokioIo::new(stream), service).await;
}

/// An error closes the connection without an answer.
async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let request = Recorded {
        method: head.method.to_string(),
        path,
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        bytes: body,
    };
    shared.record(request.clone());
    let closed = || io::Error::from(io::ErrorKind::ConnectionReset);
    let store_fault = match shared.faults.for_request(&request.method, &request.path) {
        None => None,
        Some(Fault::Store(fault)) => Some(fault),
        Some(Fault::CloseBefore) => return Err(closed()),
        Some(Fault::CloseAfter) => {
            route(&shared, &request, None).await;
            return Err(closed());
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Slow(delay)) => {
            tokio::time::sleep(delay).await;
            None
        }
        Some(fault) => return Ok(misbehaved(fault)),
    };
    Ok(route(&shared, &request, store_fault).await)
}

async fn route(
    shared: &Arc<Shared>,
    request: &Recorded,
    fault: Option<super::StoreFault>,
) -> Response<Body> {
    match request.segments()[..] {
        ["store", object] => store::answer(shared, request, object, fault),
        ["source-blobs", id] => sources::upload(shared, request, id),
        ["streams", id] => releases::stream(shared, request, id),
        ["pushes", app, what] => pushes::answer(shared, request, app, what).await,
        ["logs", secret] => logs::stream(shared, secret),
        ["client", "v11", "databases", id, "reset"] if request.method == "PUT" => {
            match refused(shared, request) {
                Some(refusal) => refusal,
                None => restores::reset(shared, id, request).await.into_response(),
            }
        }
        ["client", "v11", ..] => authorized(shared, request, data::answer),
        _ => authorized(shared, request, platform::answer),
    }
}

fn authorized(
    shared: &Arc<Shared>,
    request: &Recorded,
    answer: fn(&Arc<Shared>, &Recorded) -> Reply,
) -> Response<Body> {
    match refused(shared, request) {
        Some(refusal) => refusal,
        None => answer(shared, request).into_response(),
    }
}

fn refused(shared: &Shared, request: &Recorded) -> Option<Response<Body>> {
    let token = &shared.options.token;
    // Older clients send it as the password of nobody.
    let accepted =
        [format!("Bearer {token}"), format!("Basic {}", STANDARD.encode(format!(":{token}")))];
    let message = "Invalid credentials provided.";
    let given = request.header("authorization").unwrap_or_default();
    let is_refused = accepted.iter().all(|one| one != given);
    is_refused.then(|| Reply::error(401, "unauthorized", message).into_response())
}

fn misbehaved(fault: Fault) -> Response<Body> {
    let reply = match fault {
        Fault::Unauthorized => Reply::error(401, "unauthorized", "Invalid credentials provided."),
        Fault::TwoFactor => {
            let message = "A second authentication factor or pre-authorization is required.";
            Reply::error(403, "two_factor", message)
        }
        Fault::Forbidden => Reply::error(403, "forbidden", "You do not have access to this."),
        Fault::NotFound => Reply::not_found("app"),
        Fault::Conflict => Reply::error(409, "conflict", "Another change is under way."),
        Fault::InvalidParams(message) => Reply::error(422, "invalid_params", &message),
        Fault::RateLimited(seconds) => Reply {
            headers: vec![("Retry-After", seconds.to_string())],
            ..Reply::error(429, "rate_limit", "Your account reached the API rate limit.")
        },
        Fault::RateLimitedForNow => {
            Reply::error(429, "rate_limit", "Your account reached the API rate limit.")
        }
        Fault::Redirect(place) => {
            Reply { status: 307, headers: vec![("Location", place)], body: json!({}) }
        }
        Fault::HtmlUnavailable => return html(503),
        Fault::HtmlPage => return html(200),
        _ => Reply::error(500, "internal_server_error", "Something went wrong."),
    };
    reply.into_response()
}

fn html(status: u16) -> Response<Body> {
    let page = "<!DOCTYPE html><html><body>Please come back later</body></html>";
    let builder = Response::builder().status(status).header(CONTENT_TYPE, "text/html");
    builder.body(full(page)).expect("a response")
}
