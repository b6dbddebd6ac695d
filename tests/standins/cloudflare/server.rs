//! HTTP: the request log, faults, permissions, and the answers in their envelope.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::faults::Fault;
use super::limits::Budget;
use super::{Login, Purge, Shared};

const KINDS: [&str; 5] = ["files", "hosts", "prefixes", "tags", "purge_everything"];

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub method: String,
    /// With the query, without the version.
    pub path: String,
    pub headers: hyper::HeaderMap,
    pub body: Value,
}

impl Recorded {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

struct Reply {
    status: u16,
    body: Value,
    headers: Vec<(&'static str, String)>,
}

impl Reply {
    fn ok(result: Value) -> Reply {
        let body = json!({ "success": true, "errors": [], "messages": [], "result": result });
        Reply { status: 200, body, headers: Vec::new() }
    }

    fn error(status: u16, code: u32, message: &str) -> Reply {
        let errors = json!([{ "code": code, "message": message }]);
        let body = json!({ "success": false, "errors": errors, "messages": [], "result": null });
        Reply { status, body, headers: Vec::new() }
    }

    fn response(self) -> Response<Full<Bytes>> {
        let builder =
            Response::builder().status(self.status).header("content-type", "application/json");
        let builder = self
            .headers
            .into_iter()
            .fold(builder, |builder, (name, value)| builder.header(name, value));
        builder.body(Full::from(self.body.to_string())).expect("a response")
    }
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
async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let request = Recorded {
        method: head.method.to_string(),
        path: path.strip_prefix("/client/v4").unwrap_or(&path).to_owned(),
        headers: head.headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    shared.lock().requests.push(request.clone());
    let closed = || io::Error::from(io::ErrorKind::ConnectionReset);
    let reply = match shared.faults.for_request(&request.path) {
        None => route(&shared, &request),
        Some(Fault::CloseBefore) => return Err(closed()),
        Some(Fault::CloseAfter) => {
            route(&shared, &request);
            return Err(closed());
        }
        Some(Fault::Hang) => std::future::pending::<Infallible>().await.into(),
        Some(Fault::HtmlUnavailable) => return Ok(html(503)),
        Some(Fault::HtmlPage) => return Ok(html(200)),
        Some(Fault::Unauthorized) => Reply::error(401, 10000, "Authentication error"),
        Some(Fault::Forbidden) => Reply::error(403, 10000, "Authentication error"),
        Some(Fault::ServerError) => Reply::error(500, 1000, "Internal error"),
        Some(Fault::NotASuccess) => {
            Reply { status: 200, ..Reply::error(400, 1134, "Unable to purge") }
        }
        Some(Fault::NoVerdict) => Reply { body: json!({ "result": {} }), ..Reply::ok(Value::Null) },
        Some(Fault::RateLimited(seconds)) => turned_away(&shared, seconds),
    };
    Ok(reply.response())
}

impl From<Infallible> for Reply {
    fn from(never: Infallible) -> Reply {
        match never {}
    }
}

fn html(status: u16) -> Response<Full<Bytes>> {
    let page = "<!DOCTYPE html><html><body>Please come back later</body></html>";
    let builder = Response::builder().status(status).header("content-type", "text/html");
    builder.body(Full::from(page)).expect("a response")
}

fn turned_away(shared: &Shared, seconds: u64) -> Reply {
    shared.lock().turned_away += 1;
    Reply {
        headers: vec![("retry-after", seconds.to_string())],
        ..Reply::error(429, 971, "Please wait and consider throttling your request speed")
    }
}

fn route(shared: &Shared, request: &Recorded) -> Reply {
    let login = match login(shared, request) {
        Ok(login) => login,
        Err(refusal) => return refusal,
    };
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["user", "tokens", "verify"]) if login.of_account => {
            Reply::error(401, 1000, "Invalid API Token")
        }
        ("GET", ["user", "tokens", "verify"]) => {
            Reply::ok(json!({ "id": "ed17574386854bf78a67040be0a770b0", "status": login.status }))
        }
        ("GET", ["user"]) => Reply::ok(json!({ "id": "7c5dae5552338874e5053f2534d2767a" })),
        ("GET", ["zones"]) => zones(shared, &login, query),
        ("GET", ["zones", id]) => zone(shared, &login, id),
        // Wagtail's own backend still sends DELETE.
        ("POST" | "DELETE", ["zones", id, "purge_cache"]) => purge(shared, &login, id, request),
        _ => Reply::error(404, 7000, "No route for that URI"),
    }
}

fn login(shared: &Shared, request: &Recorded) -> Result<Login, Reply> {
    let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let (key, email) = (request.header("x-auth-key"), request.header("x-auth-email"));
    let world = shared.lock();
    let found = world.logins.iter().find(|login| match &login.email {
        None => bearer == Some(&login.secret),
        Some(address) => key == Some(&login.secret) && email == Some(address),
    });
    match found {
        Some(login) => Ok(login.clone()),
        None if key.is_some() => Err(Reply::error(403, 9103, "Unknown X-Auth-Key or X-Auth-Email")),
        None => Err(Reply::error(401, 1000, "Invalid API Token")),
    }
}

/// Ids are enough for nothing: a login sees its own zones only.
fn sees(login: &Login, id: &str) -> bool {
    login.status == "active" && (login.zones.is_empty() || login.zones.iter().any(|one| one == id))
}

fn zone_json(shared: &Shared, id: &str, name: &str) -> Value {
    let plan = shared.plan.name();
    json!({
        "id": id,
        "name": name,
        "status": "active",
        "paused": false,
        "type": "full",
        "development_mode": 0,
        "account": { "id": "01a7362d577a6c3019a474fd6f485823", "name": "Council" },
        "plan": { "id": "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "legacy_id": plan, "name": plan },
    })
}

fn zones(shared: &Shared, login: &Login, query: &str) -> Reply {
    let name = query.split('&').find_map(|pair| pair.strip_prefix("name="));
    // All of them fit on the first page; a client that goes on until a page is empty has to see one.
    let page = query.split('&').find_map(|pair| pair.strip_prefix("page="));
    let is_first = page.is_none_or(|page| page == "1");
    let zones = shared.lock().zones.clone();
    let seen = zones.iter().filter(|(id, _)| is_first && login.reads_zones && sees(login, id));
    let named = seen.filter(|(_, zone)| name.is_none_or(|name| name == zone));
    let found: Vec<Value> = named.map(|(id, name)| zone_json(shared, id, name)).collect();
    let count = found.len();
    let mut reply = Reply::ok(json!(found));
    reply.body["result_info"] = json!({ "page": 1, "per_page": 20, "count": count, "total_count": count, "total_pages": 1 });
    reply
}

fn zone(shared: &Shared, login: &Login, id: &str) -> Reply {
    let found = shared.lock().zones.iter().find(|(one, _)| one == id).cloned();
    match found {
        None => Reply::error(404, 1001, "Invalid zone identifier"),
        Some((id, name)) if login.reads_zones && sees(login, &id) => {
            Reply::ok(zone_json(shared, &id, &name))
        }
        Some(_) => Reply::error(403, 9109, "Unauthorized to access requested resource"),
    }
}

fn purge(shared: &Shared, login: &Login, id: &str, request: &Recorded) -> Reply {
    let zones = shared.lock().zones.clone();
    let Some((_, name)) = zones.iter().find(|(one, _)| one == id) else {
        return Reply::error(404, 7003, "Could not route to /zones/ID/purge_cache");
    };
    if !login.purges || !sees(login, id) {
        return Reply::error(403, 10000, "Authentication error");
    }
    let given: Vec<&str> =
        KINDS.into_iter().filter(|kind| request.body.get(*kind).is_some()).collect();
    let [kind] = given.as_slice() else {
        let message = "Request must contain one of \"purge_everything\", \"files\", \"tags\", \"hosts\" or \"prefixes\"";
        return Reply::error(400, 1012, message);
    };
    let items: Vec<String> = request.body[*kind]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect();
    if items.len() > shared.plan.most(kind) {
        return Reply::error(400, 1094, "Too many operations in one request");
    }
    let ours = |item: &String| {
        let host = item.split("://").last().and_then(|rest| rest.split(['/', ':']).next());
        host.is_some_and(|host| host == name || host.ends_with(&format!(".{name}")))
    };
    if let Some(foreign) = items.iter().find(|item| *kind != "tags" && !ours(item)) {
        return Reply::error(
            400,
            1134,
            &format!("Unable to purge {foreign}, which is not part of the zone"),
        );
    }
    let taken = shared.lock().limits.take(kind, items.len());
    let budget = match taken {
        Ok(budget) => budget,
        Err(seconds) => return turned_away(shared, seconds),
    };
    let (method, zone, kind) = (request.method.clone(), id.to_owned(), (*kind).to_owned());
    shared.lock().purges.push(Purge { method, zone, kind, items });
    Reply { headers: headers(&budget), ..Reply::ok(json!({ "id": id })) }
}

fn headers(budget: &Budget) -> Vec<(&'static str, String)> {
    let Budget { remaining, seconds, capacity } = budget;
    vec![
        ("ratelimit", format!("\"purge\";r={remaining};t={seconds}")),
        ("ratelimit-policy", format!("\"purge\";q={capacity};w=1")),
    ]
}
