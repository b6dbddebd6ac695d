//! Plays the data API: transfers, signed URLs, databases.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::server::{not_found, refusal};
use super::state::{Outcome, Shared, Transfer};
use super::store;
use super::{captures, restores};
use crate::standins::server::{Recorded, Reply};

pub fn answer(shared: &Arc<Shared>, request: &Recorded) -> Reply {
    let segments = request.segments();
    match (request.method.as_str(), &segments[2..]) {
        ("GET", ["apps", app, "transfers"]) => transfers(shared, app),
        ("GET", ["apps", app, "transfers", id]) => {
            let verbose = request.parameter("verbose").as_deref() == Some("true");
            with_transfer(shared, app, id, |transfer| Reply::ok(transfer.json(verbose)))
        }
        ("POST", ["apps", app, "transfers", id, "actions", "public-url"]) => {
            public_url(shared, app, id)
        }
        ("POST", ["apps", app, "transfers", id, "actions", "cancel"]) => {
            with_transfer(shared, app, id, cancel)
        }
        ("GET", ["databases", id]) => database(shared, id),
        ("POST", ["databases", id, "backups"]) => capture(shared, id),
        ("POST", ["databases", id, "restores"]) => match restores::start(shared, id, request) {
            Some((app, uuid)) => with_transfer(shared, &app, &uuid, |transfer| Reply {
                status: 201,
                ..Reply::ok(transfer.json(false))
            }),
            None => not_found("database"),
        },
        _ => refusal(404, "not_found", "Not found."),
    }
}

fn transfers(shared: &Shared, app: &str) -> Reply {
    match shared.world().app(app) {
        Some(app) => {
            let list: Vec<Value> = app.transfers.iter().map(|one| one.json(false)).collect();
            Reply::ok(list.into())
        }
        None => not_found("app"),
    }
}

fn with_transfer(
    shared: &Shared,
    app: &str,
    id: &str,
    answer: impl FnOnce(&mut Transfer) -> Reply,
) -> Reply {
    match shared.world().transfer_mut(app, id) {
        Some(transfer) => answer(transfer),
        None => not_found("transfer"),
    }
}

fn public_url(shared: &Shared, app: &str, id: &str) -> Reply {
    let mut world = shared.world();
    let Some(transfer) = world.transfer_mut(app, id) else { return not_found("transfer") };
    if transfer.succeeded != Some(true) {
        return refusal(400, "bad_request", "This backup has not been completed.");
    }
    let uuid = transfer.uuid.clone();
    let (url, expires_at) = store::sign(&mut world, &uuid, shared.options.url_lifetime);
    let expires_at = expires_at.strftime("%Y-%m-%d %H:%M:%S +0000").to_string();
    Reply::new(201, json!({ "url": url, "expires_at": expires_at }))
}

fn cancel(transfer: &mut Transfer) -> Reply {
    if transfer.finished_at.is_some() {
        return refusal(400, "bad_request", "This transfer has ended.");
    }
    captures::end(transfer, Outcome::Canceled, Timestamp::now());
    Reply {
        status: 201,
        ..Reply::ok(json!({ "canceled_at": transfer.json(false)["canceled_at"] }))
    }
}

fn database(shared: &Shared, id: &str) -> Reply {
    let world = shared.world();
    let Some(addon) = world.addon(id).filter(|addon| addon.url.is_some()) else {
        return not_found("database");
    };
    let info = |name: &str, value: &str| json!({ "name": name, "values": [value] });
    Reply::ok(json!({
        "addon_id": addon.id, "name": addon.name, "plan": "standard-0",
        "resource_url": addon.url, "postgres_version": "PostgreSQL 15",
        "num_bytes": 1_000_000, "num_tables": 10, "num_connections": 1,
        "info": [
            info("Plan", "Standard 0"), info("Status", "Available"), info("PG Version", "15.8"),
            info("Continuous Protection", "Off"), info("Fork/Follow", "Available"),
        ],
    }))
}

fn capture(shared: &Arc<Shared>, id: &str) -> Reply {
    let Some(uuid) = captures::start(shared, id) else { return not_found("database") };
    let app = shared.world().addon(id).map(|addon| addon.app_id.clone()).unwrap_or_default();
    with_transfer(shared, &app, &uuid, |transfer| Reply {
        status: 201,
        ..Reply::ok(transfer.json(false))
    })
}
