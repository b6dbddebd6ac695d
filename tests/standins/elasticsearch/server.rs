//! HTTP plumbing: listening, the request log, the login, and faults.

use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::faults::Fault;
use super::{Shared, requests};

pub type Body = Full<Bytes>;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub method: String,
    /// Decoded, without the query.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub user_agent: String,
    authorization: String,
    content_type: String,
    pub body: String,
}

impl Recorded {
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// An answer in JSON.
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub headers: Vec<(&'static str, String)>,
}

impl Reply {
    pub fn ok(body: Value) -> Self {
        Reply { status: 200, body, headers: Vec::new() }
    }

    pub fn error(status: u16, kind: &str, reason: &str) -> Self {
        let cause = json!({ "type": kind, "reason": reason });
        let body = json!({
            "error": { "root_cause": [cause], "type": kind, "reason": reason }, "status": status,
        });
        Reply { status, body, headers: Vec::new() }
    }

    pub fn no_such_index(index: &str) -> Self {
        Reply::error(404, "index_not_found_exception", &format!("no such index [{index}]"))
    }

    fn into_response(self, is_head: bool) -> Response<Body> {
        let mut builder = Response::builder()
            .status(self.status)
            .header(CONTENT_TYPE, "application/json; charset=UTF-8");
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        let body = if is_head { String::new() } else { self.body.to_string() };
        builder.body(Full::new(Bytes::from(body))).expect("a response")
    }
}

pub async fn bind(port: u16) -> TcpListener {
    TcpListener::bind(("127.0.0.1", port)).await.expect("a free port on loopback")
}

pub async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // The connections end together with the task that accepts them.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        connections.spawn(speak(socket, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

async fn speak(socket: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    // A client that goes away in the middle is an everyday thing here.
    let http = hyper::server::conn::http1::Builder::new();
    let _ = http.serve_connection(TokioIo::new(socket), service).await;
}

/// An error closes the connection without an answer.
async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let header = |name: &str| {
        let value = head.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let url = url::Url::parse(&format!("http://stand-in{}", head.uri)).map_err(io::Error::other)?;
    let request = Recorded {
        method: head.method.to_string(),
        path: decoded(url.path()),
        query: url.query_pairs().into_owned().collect(),
        user_agent: header("user-agent"),
        authorization: header("authorization"),
        content_type: header("content-type"),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    shared.record(request.clone());
    let is_head = request.method == "HEAD";
    let fault = shared.faults.for_request(&request.path);
    match &fault {
        Some(Fault::CloseBefore) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::Hang) => std::future::pending().await,
        Some(fault) => {
            if let Some(response) = misbehaved(fault) {
                return Ok(response);
            }
        }
        None => {}
    }
    let reply = refused(&shared, &request)
        .unwrap_or_else(|| requests::answer(&shared, &request, fault.as_ref()));
    Ok(reply.into_response(is_head))
}

fn refused(shared: &Shared, request: &Recorded) -> Option<Reply> {
    let login = format!("{}:{}", shared.options.user, shared.options.password);
    if request.authorization != format!("Basic {}", STANDARD.encode(login)) {
        return Some(unauthorized());
    }
    let is_json = request.content_type.starts_with("application/json")
        || request.content_type.starts_with("application/x-ndjson");
    (!request.body.is_empty() && !is_json).then(|| {
        let reason = format!("Content-Type header [{}] is not supported", request.content_type);
        Reply { status: 406, body: json!({ "error": reason, "status": 406 }), headers: Vec::new() }
    })
}

fn unauthorized() -> Reply {
    let body = json!({ "code": 401, "message": "Authentication required" });
    let challenge = ("WWW-Authenticate", "Basic realm=\"Bonsai\"".to_owned());
    Reply { status: 401, body, headers: vec![challenge] }
}

/// The answer to a fault that has one of its own.
fn misbehaved(fault: &Fault) -> Option<Response<Body>> {
    let reply = match fault {
        Fault::Unauthorized => unauthorized(),
        Fault::ReadOnly => {
            let body = json!({ "code": 403, "message": "Cluster Read Only" });
            Reply { status: 403, body, headers: Vec::new() }
        }
        Fault::TooManyRequests(wait) => {
            let body = json!({ "code": 429, "message": "Concurrent request limit exceeded" });
            let headers = wait.iter().map(|seconds| ("Retry-After", seconds.to_string())).collect();
            Reply { status: 429, body, headers }
        }
        Fault::ServerError(quoted) => Reply::error(500, "internal_error", quoted),
        Fault::OtherJson => Reply::ok(json!({ "hello": "world" })),
        Fault::HtmlUnavailable => return Some(page(503, "text/html", HTML)),
        Fault::HtmlPage => return Some(page(200, "text/html", HTML)),
        Fault::HalfJson => return Some(page(200, "application/json", "{\"count\": 1")),
        _ => return None,
    };
    Some(reply.into_response(false))
}

const HTML: &str = "<!DOCTYPE html><html><body>Please come back later</body></html>";

fn page(status: u16, content_type: &str, text: &'static str) -> Response<Body> {
    let builder = Response::builder().status(status).header(CONTENT_TYPE, content_type);
    builder.body(Full::new(Bytes::from(text))).expect("a response")
}

fn decoded(path: &str) -> String {
    // A path of a query pair is decoded by the same rules, but for the plus sign.
    let pair = format!("p={}", path.replace('+', "%2B"));
    let found = url::form_urlencoded::parse(pair.as_bytes()).next();
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}
