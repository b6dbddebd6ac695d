//! HTTP: the request log, faults, tokens, pages.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::faults::Fault;
use super::{Shared, Token};

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub method: String,
    /// With the query.
    pub path: String,
    pub token: Option<String>,
}

/// The decoded parameters of a request.
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone())
    }

    fn number(&self, name: &str, default: usize) -> usize {
        self.get(name).and_then(|text| text.parse().ok()).filter(|one| *one > 0).unwrap_or(default)
    }
}

pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub headers: Vec<(&'static str, String)>,
}

impl Reply {
    pub fn ok(body: Value) -> Reply {
        Reply { status: 200, body, headers: Vec::new() }
    }

    pub fn error(status: u16, message: &str) -> Reply {
        Reply { status, body: json!({ "message": message }), headers: Vec::new() }
    }

    pub fn not_found() -> Reply {
        Reply::error(404, "404 Not found")
    }

    fn of_token(status: u16, error: &str, description: &str) -> Reply {
        let body = json!({ "error": error, "error_description": description });
        Reply { status, body, headers: Vec::new() }
    }

    /// One page of a list.
    pub fn page(items: Vec<Value>, query: &Query) -> Reply {
        let (page, size) = (query.number("page", 1), query.number("per_page", 20).min(100));
        let pages = items.len().div_ceil(size).max(1);
        let total = items.len();
        let items: Vec<Value> = items.into_iter().skip((page - 1) * size).take(size).collect();
        let next = if page < pages { (page + 1).to_string() } else { String::new() };
        let headers = vec![
            ("x-page", page.to_string()),
            ("x-per-page", size.to_string()),
            ("x-next-page", next),
            ("x-total", total.to_string()),
            ("x-total-pages", pages.to_string()),
        ];
        Reply { status: 200, body: json!(items), headers }
    }

    fn response(self) -> Response<Body> {
        let builder =
            Response::builder().status(self.status).header("content-type", "application/json");
        let builder = self
            .headers
            .into_iter()
            .fold(builder, |builder, (name, value)| builder.header(name, value));
        builder.body(full(self.body.to_string())).expect("a response")
    }
}

fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

pub async fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback")
}

pub async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // The connections end together with the task that accepts them.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&shared), request));
            let http = hyper::server::conn::http1::Builder::new();
            // A client that goes away in the middle is an everyday thing here.
            let _ = http.serve_connection(TokioIo::new(socket), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// An error closes the connection without an answer.
async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let header = |name: &str| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let token = header("private-token");
    let request = Recorded { method: request.method().to_string(), path, token };
    shared.lock().requests.push(request.clone());
    Ok(match shared.faults.for_request(&request.path) {
        None => with_link(route(&shared, &request), &shared.url, &request.path).response(),
        Some(Fault::Close) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Endless) => endless(),
        Some(Fault::HtmlUnavailable) => text(503, "text/html", PAGE),
        Some(Fault::HtmlPage) => text(200, "text/html", PAGE),
        Some(Fault::HtmlNotFound) => text(404, "text/html", PAGE),
        Some(Fault::Body(body)) => text(200, "application/json", &body),
        Some(Fault::Unauthorized) => Reply::error(401, "401 Unauthorized").response(),
        Some(Fault::Forbidden) => Reply::error(403, "403 Forbidden").response(),
        Some(Fault::NotFound) => Reply::not_found().response(),
        Some(Fault::ServerError) => Reply::error(500, "500 Internal Server Error").response(),
        Some(Fault::Redirect(place)) => {
            let headers = vec![("location", place)];
            Reply { headers, ..Reply::error(301, "Moved Permanently") }.response()
        }
        Some(Fault::RateLimited(seconds)) => {
            let mut response = text(429, "text/plain", "Retry later\n");
            response.headers_mut().insert("retry-after", seconds.into());
            response
        }
    })
}

const PAGE: &str = "<!DOCTYPE html><html><body>Please come back later</body></html>";

fn text(status: u16, content_type: &str, body: &str) -> Response<Body> {
    let builder = Response::builder().status(status).header("content-type", content_type);
    builder.body(full(body.to_owned())).expect("a response")
}

fn endless() -> Response<Body> {
    let chunk = || Ok(Frame::data(Bytes::from_static(&[b' '; 64 << 10])));
    let body = StreamBody::new(stream::repeat_with(chunk)).boxed_unsync();
    Response::builder().status(200).body(body).expect("a response")
}

fn route(shared: &Shared, request: &Recorded) -> Reply {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let query = url::form_urlencoded::parse(query.as_bytes());
    let query = Query(query.map(|(name, value)| (name.into(), value.into())).collect());
    // The project's path is one segment, whose slashes are encoded.
    let segments: Vec<String> = path
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| part.replace("%2F", "/"))
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["api", "v4", rest @ ..] = segments.as_slice() else { return Reply::not_found() };
    let token = match token(shared, request) {
        Ok(token) => token,
        Err(refusal) => return refusal,
    };
    let may = |scopes: &[&str]| token.scopes.iter().any(|scope| scopes.contains(scope));
    let (reading, own) = (may(&["api", "read_api"]), may(&["api", "read_api", "read_user"]));
    match (request.method.as_str(), rest) {
        ("GET", ["user"]) if own => {
            Reply::ok(json!({ "id": 7, "username": token.username, "state": "active" }))
        }
        ("GET", ["version"]) if own => {
            Reply::ok(json!({ "version": "17.11.1", "revision": "5ec3ae3a0b4" }))
        }
        ("GET", ["projects", name, rest @ ..]) if reading => {
            let projects = shared.lock().projects.clone();
            let found =
                projects.iter().find(|one| one.path == *name || one.id.to_string() == *name);
            let seen =
                found.filter(|one| token.projects.is_empty() || token.projects.contains(&one.path));
            match (seen, rest) {
                (None, _) => Reply::error(404, "404 Project Not Found"),
                (Some(project), []) => Reply::ok(project.json(&shared.url)),
                (Some(project), rest) => project.answer(&shared.url, rest, &query),
            }
        }
        ("GET", ["user" | "version" | "projects", ..]) => {
            let more = "The request requires higher privileges than provided by the access token.";
            Reply::of_token(403, "insufficient_scope", more)
        }
        ("GET", _) => Reply::error(404, "404 Not Found"),
        _ => Reply::error(405, "405 Method Not Allowed"),
    }
}

/// Clients find the next page by its link.
fn with_link(mut reply: Reply, url: &str, path: &str) -> Reply {
    let next = reply.headers.iter().find(|(name, page)| *name == "x-next-page" && !page.is_empty());
    let Some((_, next)) = next else { return reply };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let others: Vec<&str> =
        query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("page=")).collect();
    let query = [others.as_slice(), &[&format!("page={next}")]].concat().join("&");
    reply.headers.push(("link", format!("<{url}{path}?{query}>; rel=\"next\"")));
    reply
}

fn token(shared: &Shared, request: &Recorded) -> Result<Token, Reply> {
    let world = shared.lock();
    let found = world.tokens.iter().find(|one| request.token.as_deref() == Some(&one.secret));
    match found {
        None => Err(Reply::error(401, "401 Unauthorized")),
        Some(token) if token.revoked => {
            let why = "Token was revoked. You have to re-authorize from the user.";
            Err(Reply::of_token(401, "invalid_token", why))
        }
        Some(token) => Ok(token.clone()),
    }
}
