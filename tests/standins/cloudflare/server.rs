//! Serves HTTP: the request log, faults, permissions, and the answers in their envelope.

use std::io;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::{Value, json};

use super::faults::Fault;
use super::limits::Budget;
use super::{Login, Purge, Shared};
use crate::standins::server::{Body, Recorded, Reply, closed, html};

const KINDS: [&str; 5] = ["files", "hosts", "prefixes", "tags", "purge_everything"];

fn success(result: Value) -> Reply {
    Reply::ok(json!({ "success": true, "errors": [], "messages": [], "result": result }))
}

fn refusal(status: u16, code: u32, message: &str) -> Reply {
    let errors = json!([{ "code": code, "message": message }]);
    let body = json!({ "success": false, "errors": errors, "messages": [], "result": null });
    Reply::new(status, body)
}

pub async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let mut request = Recorded::read(request).await?;
    if let Some(path) = request.path.strip_prefix("/client/v4") {
        request.path = path.to_owned();
    }
    let reply = match shared.intake.take(&request) {
        None => route(&shared, &request),
        Some(Fault::CloseBefore) => return Err(closed()),
        Some(Fault::CloseAfter) => {
            route(&shared, &request);
            return Err(closed());
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::HtmlUnavailable) => return Ok(html(503)),
        Some(Fault::HtmlPage) => return Ok(html(200)),
        Some(Fault::Unauthorized) => refusal(401, 10000, "Authentication error"),
        Some(Fault::Forbidden) => refusal(403, 10000, "Authentication error"),
        Some(Fault::ServerError) => refusal(500, 1000, "Internal error"),
        Some(Fault::NotASuccess) => Reply { status: 200, ..refusal(400, 1134, "Unable to purge") },
        Some(Fault::NoVerdict) => Reply::ok(json!({ "result": {} })),
        Some(Fault::RateLimited(seconds)) => turned_away(&shared, seconds),
    };
    Ok(reply.response("application/json"))
}

fn turned_away(shared: &Shared, seconds: u64) -> Reply {
    shared.lock().turned_away += 1;
    refusal(429, 971, "Please wait and consider throttling your request speed")
        .with("retry-after", seconds)
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
            refusal(401, 1000, "Invalid API Token")
        }
        ("GET", ["user", "tokens", "verify"]) => {
            success(json!({ "id": "ed17574386854bf78a67040be0a770b0", "status": login.status }))
        }
        ("GET", ["user"]) => success(json!({ "id": "7c5dae5552338874e5053f2534d2767a" })),
        ("GET", ["zones"]) => zones(shared, &login, query),
        ("GET", ["zones", id]) => zone(shared, &login, id),
        // Wagtail's own backend still sends DELETE.
        ("POST" | "DELETE", ["zones", id, "purge_cache"]) => purge(shared, &login, id, request),
        _ => refusal(404, 7000, "No route for that URI"),
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
        None if key.is_some() => Err(refusal(403, 9103, "Unknown X-Auth-Key or X-Auth-Email")),
        None => Err(refusal(401, 1000, "Invalid API Token")),
    }
}

/// An id alone is not enough: a login sees only its own zones.
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
    // All zones fit on the first page. A client that reads until an empty page must get one.
    let page = query.split('&').find_map(|pair| pair.strip_prefix("page="));
    let is_first = page.is_none_or(|page| page == "1");
    let zones = shared.lock().zones.clone();
    let seen = zones.iter().filter(|(id, _)| is_first && login.reads_zones && sees(login, id));
    let named = seen.filter(|(_, zone)| name.is_none_or(|name| name == zone));
    let found: Vec<Value> = named.map(|(id, name)| zone_json(shared, id, name)).collect();
    let count = found.len();
    let mut reply = success(json!(found));
    reply.body["result_info"] = json!({ "page": 1, "per_page": 20, "count": count, "total_count": count, "total_pages": 1 });
    reply
}

fn zone(shared: &Shared, login: &Login, id: &str) -> Reply {
    let found = shared.lock().zones.iter().find(|(one, _)| one == id).cloned();
    match found {
        None => refusal(404, 1001, "Invalid zone identifier"),
        Some((id, name)) if login.reads_zones && sees(login, &id) => {
            success(zone_json(shared, &id, &name))
        }
        Some(_) => refusal(403, 9109, "Unauthorized to access requested resource"),
    }
}

fn purge(shared: &Shared, login: &Login, id: &str, request: &Recorded) -> Reply {
    let zones = shared.lock().zones.clone();
    let Some((_, name)) = zones.iter().find(|(one, _)| one == id) else {
        return refusal(404, 7003, "Could not route to /zones/ID/purge_cache");
    };
    if !login.purges || !sees(login, id) {
        return refusal(403, 10000, "Authentication error");
    }
    let body = request.json();
    let given: Vec<&str> = KINDS.into_iter().filter(|kind| body.get(*kind).is_some()).collect();
    let [kind] = given.as_slice() else {
        let message = "Request must contain one of \"purge_everything\", \"files\", \"tags\", \"hosts\" or \"prefixes\"";
        return refusal(400, 1012, message);
    };
    let items: Vec<String> = body[*kind]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect();
    if items.len() > shared.plan.most(kind) {
        return refusal(400, 1094, "Too many operations in one request");
    }
    let ours = |item: &String| {
        let host = item.split("://").last().and_then(|rest| rest.split(['/', ':']).next());
        host.is_some_and(|host| host == name || host.ends_with(&format!(".{name}")))
    };
    if let Some(foreign) = items.iter().find(|item| *kind != "tags" && !ours(item)) {
        return refusal(
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
    Reply { headers: headers(&budget), ..success(json!({ "id": id })) }
}

fn headers(budget: &Budget) -> Vec<(&'static str, String)> {
    let Budget { remaining, seconds, capacity } = budget;
    vec![
        ("ratelimit", format!("\"purge\";r={remaining};t={seconds}")),
        ("ratelimit-policy", format!("\"purge\";q={capacity};w=1")),
    ]
}
