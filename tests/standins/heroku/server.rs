//! Serves HTTP: the request log, faults, and the routes to the three services.

use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, Response};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::faults::Fault;
use super::state::Shared;
use super::{data, logs, platform, pushes, releases, restores, sources, store};
use crate::standins::server::{Body, Recorded, Reply, Server, closed, html};

pub fn refusal(status: u16, id: &str, message: &str) -> Reply {
    Reply::new(status, json!({ "id": id, "message": message }))
}

pub fn not_found(resource: &str) -> Reply {
    let message = format!("Couldn't find that {}.", resource.replace('_', " "));
    Reply::new(404, json!({ "id": "not_found", "resource": resource, "message": message }))
}

fn response(reply: Reply) -> Response<Body> {
    reply.with("RateLimit-Remaining", 4499).response("application/json;charset=utf-8")
}

pub fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) -> Server {
    let mut http = http1::Builder::new();
    http.max_buf_size(64 << 10);
    Server::with(http, listener, tls, move |request| answer(Arc::clone(&shared), request))
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let request = Recorded::read(request).await?;
    let store_fault = match shared.take(&request) {
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
                None => response(restores::reset(shared, id, request).await),
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
        None => response(answer(shared, request)),
    }
}

fn refused(shared: &Shared, request: &Recorded) -> Option<Response<Body>> {
    let token = &shared.options.token;
    // Older clients send it as a password without a user.
    let accepted =
        [format!("Bearer {token}"), format!("Basic {}", STANDARD.encode(format!(":{token}")))];
    let message = "Invalid credentials provided.";
    let given = request.header("authorization").unwrap_or_default();
    let is_refused = accepted.iter().all(|one| one != given);
    is_refused.then(|| response(refusal(401, "unauthorized", message)))
}

fn misbehaved(fault: Fault) -> Response<Body> {
    let reply = match fault {
        Fault::Unauthorized => refusal(401, "unauthorized", "Invalid credentials provided."),
        Fault::TwoFactor => {
            let message = "A second authentication factor or pre-authorization is required.";
            refusal(403, "two_factor", message)
        }
        Fault::Forbidden => refusal(403, "forbidden", "You do not have access to this."),
        Fault::NotFound => not_found("app"),
        Fault::Conflict => refusal(409, "conflict", "Another change is under way."),
        Fault::InvalidParams(message) => refusal(422, "invalid_params", &message),
        Fault::RateLimited(seconds) => rate_limited().with("Retry-After", seconds),
        Fault::RateLimitedForNow => rate_limited(),
        Fault::Redirect(place) => Reply::new(307, json!({})).with("Location", place),
        Fault::HtmlUnavailable => return html(503),
        Fault::HtmlPage => return html(200),
        _ => refusal(500, "internal_server_error", "Something went wrong."),
    };
    response(reply)
}

fn rate_limited() -> Reply {
    refusal(429, "rate_limit", "Your account reached the API rate limit.")
}
