//! Serves HTTP: listening, the request log, the login, and faults.

use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::json;

use super::faults::Fault;
use super::{Shared, requests};
use crate::standins::server::{Body, Recorded, Reply, closed, full, html, response};

const JSON: &str = "application/json; charset=UTF-8";

pub fn refusal(status: u16, kind: &str, reason: &str) -> Reply {
    let cause = json!({ "type": kind, "reason": reason });
    let error = json!({ "root_cause": [cause], "type": kind, "reason": reason });
    Reply::new(status, json!({ "error": error, "status": status }))
}

pub fn no_such_index(index: &str) -> Reply {
    refusal(404, "index_not_found_exception", &format!("no such index [{index}]"))
}

pub async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let mut request = Recorded::read(request).await?;
    request.path = decoded(&request.path);
    let fault = shared.intake.take(&request);
    match &fault {
        Some(Fault::CloseBefore) => return Err(closed()),
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
    let reply = match shared.options.flavour.has_product_header() {
        true => reply.with("X-Elastic-Product", "Elasticsearch"),
        false => reply,
    };
    let response = reply.response(JSON);
    Ok(if request.method == "HEAD" { response.map(|_| full("")) } else { response })
}

fn refused(shared: &Shared, request: &Recorded) -> Option<Reply> {
    let login = format!("{}:{}", shared.options.user, shared.options.password);
    let given = request.header("authorization").unwrap_or_default();
    if given != format!("Basic {}", STANDARD.encode(login)) {
        return Some(unauthorized());
    }
    let kind = request.header("content-type").unwrap_or_default();
    // Clients of Elasticsearch 8 and 9 name the version of the interface.
    let kinds: &[&str] = match shared.options.flavour.has_product_header() {
        true => &["application/json", "application/x-ndjson", "application/vnd.elasticsearch+"],
        false => &["application/json", "application/x-ndjson"],
    };
    let is_json = kinds.iter().any(|known| kind.starts_with(known));
    (!request.body.is_empty() && !is_json).then(|| {
        let reason = format!("Content-Type header [{kind}] is not supported");
        Reply::new(406, json!({ "error": reason, "status": 406 }))
    })
}

fn unauthorized() -> Reply {
    let body = json!({ "code": 401, "message": "Authentication required" });
    Reply::new(401, body).with("WWW-Authenticate", "Basic realm=\"Bonsai\"")
}

/// The answer of a fault with its own answer.
fn misbehaved(fault: &Fault) -> Option<Response<Body>> {
    let reply = match fault {
        Fault::Unauthorized => unauthorized(),
        Fault::ReadOnly => Reply::new(403, json!({ "code": 403, "message": "Cluster Read Only" })),
        Fault::TooManyRequests(wait) => {
            let body = json!({ "code": 429, "message": "Concurrent request limit exceeded" });
            let reply = Reply::new(429, body);
            wait.iter().fold(reply, |reply, seconds| reply.with("Retry-After", seconds))
        }
        Fault::ServerError(quoted) => refusal(500, "internal_error", quoted),
        Fault::OtherJson => Reply::ok(json!({ "hello": "world" })),
        Fault::HtmlUnavailable => return Some(html(503)),
        Fault::HtmlPage => return Some(html(200)),
        Fault::HalfJson => return Some(response(200, "application/json", "{\"count\": 1")),
        _ => return None,
    };
    Some(reply.response(JSON))
}

/// The path decoded, and the query as it came.
fn decoded(path: &str) -> String {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    // A path is decoded like a query pair, except for the plus sign.
    let pair = format!("p={}", path.replace('+', "%2B"));
    let found = url::form_urlencoded::parse(pair.as_bytes()).next();
    found.map(|(_, path)| format!("{path}{query}")).unwrap_or_default()
}
