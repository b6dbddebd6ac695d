//! Serves HTTP: the request log, faults, tokens, pages.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Request, Response};
use serde_json::{Value, json};

use super::faults::Fault;
use super::{Shared, Token};
use crate::standins::server::{Body, Recorded, Reply, closed, html, response};

pub fn refusal(status: u16, message: &str) -> Reply {
    Reply::new(status, json!({ "message": message }))
}

pub fn not_found() -> Reply {
    refusal(404, "404 Not found")
}

fn refused_token(status: u16, error: &str, description: &str) -> Reply {
    Reply::new(status, json!({ "error": error, "error_description": description }))
}

/// One page of a list.
pub fn page(items: Vec<Value>, request: &Recorded) -> Reply {
    let number = |name: &str, default: usize| {
        let given = request.parameter(name).and_then(|text| text.parse().ok());
        given.filter(|one| *one > 0).unwrap_or(default)
    };
    let (page, size) = (number("page", 1), number("per_page", 20).min(100));
    let pages = items.len().div_ceil(size).max(1);
    let total = items.len();
    let items: Vec<Value> = items.into_iter().skip((page - 1) * size).take(size).collect();
    let next = if page < pages { (page + 1).to_string() } else { String::new() };
    Reply::ok(json!(items))
        .with("x-page", page)
        .with("x-per-page", size)
        .with("x-next-page", next)
        .with("x-total", total)
        .with("x-total-pages", pages)
}

pub async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let request = Recorded::read(request).await?;
    let reply = match shared.intake.take(&request) {
        None => with_link(route(&shared, &request), &shared.url, &request.path),
        Some(Fault::Close) => return Err(closed()),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Endless) => return Ok(endless()),
        Some(Fault::HtmlUnavailable) => return Ok(html(503)),
        Some(Fault::HtmlPage) => return Ok(html(200)),
        Some(Fault::HtmlNotFound) => return Ok(html(404)),
        Some(Fault::Body(body)) => return Ok(response(200, "application/json", body)),
        Some(Fault::Unauthorized) => refusal(401, "401 Unauthorized"),
        Some(Fault::Forbidden) => refusal(403, "403 Forbidden"),
        Some(Fault::NotFound) => not_found(),
        Some(Fault::ServerError) => refusal(500, "500 Internal Server Error"),
        Some(Fault::Redirect(place)) => refusal(301, "Moved Permanently").with("location", place),
        Some(Fault::RateLimited(seconds)) => {
            let mut response = response(429, "text/plain", "Retry later\n");
            response.headers_mut().insert("retry-after", seconds.into());
            return Ok(response);
        }
    };
    Ok(reply.response("application/json"))
}

fn endless() -> Response<Body> {
    let chunk = || Ok(Frame::data(Bytes::from_static(&[b' '; 64 << 10])));
    let body = StreamBody::new(stream::repeat_with(chunk)).boxed_unsync();
    Response::builder().status(200).body(body).expect("a response")
}

fn route(shared: &Shared, request: &Recorded) -> Reply {
    // The project's path is one segment, whose slashes are encoded.
    let segments: Vec<String> =
        request.segments().into_iter().map(|part| part.replace("%2F", "/")).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["api", "v4", rest @ ..] = segments.as_slice() else { return not_found() };
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
                (None, _) => refusal(404, "404 Project Not Found"),
                (Some(project), []) => Reply::ok(project.json(&shared.url)),
                (Some(project), rest) => project.answer(&shared.url, rest, request),
            }
        }
        ("GET", ["user" | "version" | "projects", ..]) => {
            let more = "The request requires higher privileges than provided by the access token.";
            refused_token(403, "insufficient_scope", more)
        }
        ("GET", _) => refusal(404, "404 Not Found"),
        _ => refusal(405, "405 Method Not Allowed"),
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
    let found =
        world.tokens.iter().find(|one| request.header("private-token") == Some(&one.secret));
    match found {
        None => Err(refusal(401, "401 Unauthorized")),
        Some(token) if token.revoked => {
            let why = "Token was revoked. You have to re-authorize from the user.";
            Err(refused_token(401, "invalid_token", why))
        }
        Some(token) => Ok(token.clone()),
    }
}
