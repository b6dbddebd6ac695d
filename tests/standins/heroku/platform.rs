//! Plays the platform API: account, apps, config vars, formation, add-ons and their attachments.

use std::sync::Arc;

use serde_json::{Value, json};

use super::server::{not_found, refusal};
use super::state::{Addon, App, Attachment, Process, Shared, World};
use super::{dynos, logs, releases, sources};
use crate::standins::server::{Recorded, Reply};

pub fn answer(shared: &Arc<Shared>, request: &Recorded) -> Reply {
    if !request.header("accept").unwrap_or_default().contains("version=3") {
        return refusal(406, "not_acceptable", "Accept must name version 3 of the API.");
    }
    if let Some(reply) = dynos::answer(shared, request)
        .or_else(|| releases::answer(shared, request))
        .or_else(|| sources::answer(shared, request))
    {
        return reply;
    }
    let segments = request.segments();
    if let ("POST", ["apps", app, "log-sessions"]) = (request.method.as_str(), &segments[..]) {
        return logs::open(shared, app, request);
    }
    let mut world = shared.world();
    match (request.method.as_str(), &segments[..]) {
        ("GET", ["account"]) => Reply::ok(account()),
        ("GET", ["apps", app]) => of_app(&world, app, app_json),
        ("PATCH", ["apps", app]) => set_maintenance(&mut world, app, &request.json()),
        ("GET", ["apps", app, "config-vars"]) => of_app(&world, app, |app| json!(app.config_vars)),
        ("GET", ["apps", app, "formation"]) => of_app(&world, app, formation_json),
        ("PATCH", ["apps", app, "config-vars"]) => {
            set_config_vars(&mut world, app, &request.json())
        }
        ("PATCH", ["apps", app, "formation"]) => {
            let reply = scale(&mut world, app, &request.json());
            world.follow_formation(app, shared.options.dyno_start);
            reply
        }
        ("GET", ["apps", app, "addons"]) => {
            let list = of_app(&world, app, |app| {
                let own = world.addons.iter().filter(|addon| addon.app_id == app.id);
                own.map(|addon| addon_json(&world, addon)).collect()
            });
            paged(list, request, shared.options.page_size)
        }
        ("GET", ["apps", app, "addon-attachments"]) => {
            let list = of_app(&world, app, |app| attachments(&world, |one| one.app_id == app.id));
            paged(list, request, shared.options.page_size)
        }
        ("GET", ["addons", addon, "addon-attachments"]) => match world.addon(addon) {
            Some(addon) => Reply::ok(attachments(&world, |one| one.addon_id == addon.id)),
            None => not_found("add_on"),
        },
        ("GET", ["addons", addon, "config"]) => match world.addon(addon) {
            Some(addon) => Reply::ok(addon_config(addon)),
            None => not_found("add_on"),
        },
        ("GET", ["addon-attachments"]) => {
            paged(Reply::ok(attachments(&world, |_| true)), request, shared.options.page_size)
        }
        ("POST", ["actions", "addon-attachments", "resolve"]) => {
            resolve_attachment(&world, &request.json())
        }
        ("POST", ["actions", "addons", "resolve"]) => resolve_addon(&world, &request.json()),
        _ => refusal(404, "not_found", "The requested API endpoint was not found."),
    }
}

fn account() -> Value {
    json!({
        "id": "5ca1ab1e-0000-4000-8000-00000000acc0", "email": "operator@stand-in.test",
        "name": "Operator", "two_factor_authentication": true, "verified": true,
        "federated": false, "delinquent_at": null, "suspended_at": null,
    })
}

fn of_app(world: &World, app: &str, body: impl FnOnce(&App) -> Value) -> Reply {
    match world.app(app) {
        Some(app) => Reply::ok(body(app)),
        None => not_found("app"),
    }
}

fn app_json(app: &App) -> Value {
    json!({
        "id": app.id, "name": app.name, "maintenance": app.maintenance,
        "web_url": format!("https://{}-0123456789ab.herokuapp.com/", app.name),
        "git_url": format!("https://git.heroku.com/{}.git", app.name),
        "stack": { "id": app.id, "name": app.stack.name() },
        "build_stack": { "id": app.id, "name": app.stack.name() },
        "region": { "id": app.id, "name": "eu" }, "space": null,
        "owner": { "id": app.id, "email": "operator@stand-in.test" },
        "created_at": "2019-03-01T09:00:00Z", "released_at": "2024-03-01T09:00:00Z",
    })
}

fn set_maintenance(world: &mut World, app: &str, body: &Value) -> Reply {
    let Some(app) = world.app_mut(app) else { return not_found("app") };
    let Some(on) = body["maintenance"].as_bool() else {
        return refusal(422, "invalid_params", "Only maintenance can be changed here.");
    };
    app.maintenance = on;
    Reply::ok(app_json(app))
}

fn set_config_vars(world: &mut World, app: &str, body: &Value) -> Reply {
    let Some(app) = world.app_mut(app) else { return not_found("app") };
    let app_name = app.name.clone();
    for (name, value) in body.as_object().into_iter().flatten() {
        match value.as_str() {
            Some(value) => _ = app.config_vars.insert(name.clone(), value.to_owned()),
            None => _ = app.config_vars.remove(name),
        }
    }
    let vars = json!(app.config_vars);
    let names: Vec<&str> =
        body.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let (id, app) = (world.new_id(), app_name);
    world.add_release(&app, id, &format!("Set {} config vars", names.join(", ")));
    Reply::ok(vars)
}

fn formation_json(app: &App) -> Value {
    let process = |one: &Process| {
        json!({
            "id": format!("{}-{}", app.id, one.kind), "app": reference(app), "type": one.kind,
            "quantity": one.quantity, "size": one.size, "command": "gunicorn bc.wsgi",
        })
    };
    app.formation.iter().map(process).collect()
}

/// Quantities come as numbers, as strings, and as strings with a sign, which are relative.
fn scale(world: &mut World, app: &str, body: &Value) -> Reply {
    let Some(app) = world.app_mut(app) else { return not_found("app") };
    for update in body["updates"].as_array().into_iter().flatten() {
        let kind = update["type"].as_str().unwrap_or_default();
        let Some(process) = app.formation.iter_mut().find(|one| one.kind == kind) else {
            return not_found("formation");
        };
        match &update["quantity"] {
            Value::String(text) if text.starts_with(['+', '-']) => {
                process.quantity += text.parse().unwrap_or(0);
            }
            Value::String(text) => process.quantity = text.parse().unwrap_or(process.quantity),
            number => process.quantity = number.as_i64().unwrap_or(process.quantity),
        }
        if let Some(size) = update["size"].as_str() {
            process.size = size.to_owned();
        }
    }
    Reply::ok(formation_json(app))
}

fn reference(app: &App) -> Value {
    json!({ "id": app.id, "name": app.name })
}

fn reference_of(world: &World, app_id: &str) -> Value {
    world.app(app_id).map(reference).unwrap_or_default()
}

fn addon_json(world: &World, addon: &Addon) -> Value {
    let service = addon.plan.split(':').next().unwrap_or_default();
    json!({
        "id": addon.id, "name": addon.name, "app": reference_of(world, &addon.app_id),
        "addon_service": { "id": addon.id, "name": service, "human_name": service },
        "plan": {
            "id": addon.id, "name": addon.plan, "human_name": addon.plan,
            "price": { "cents": 5000, "unit": "month", "contract": false },
        },
        "billed_price": { "cents": 5000, "unit": "month", "contract": false },
        "billing_entity": reference_of(world, &addon.app_id),
        "config_vars": addon.config_vars, "state": "provisioned",
        "web_url": console_url(addon),
    })
}

fn addon_config(addon: &Addon) -> Value {
    let pairs = addon.config_vars.iter();
    pairs.map(|name| json!({ "name": name, "value": addon.value })).collect()
}

fn console_url(addon: &Addon) -> String {
    format!("https://addons-sso.heroku.com/apps/{}/addons/{}", addon.app_id, addon.id)
}

fn attachment_json(world: &World, attachment: &Attachment) -> Value {
    let addon = world.addon(&attachment.addon_id);
    json!({
        "id": attachment.id, "name": attachment.name, "namespace": attachment.namespace,
        "app": reference_of(world, &attachment.app_id),
        "addon": addon.map(|addon| json!({
            "id": addon.id, "name": addon.name, "app": reference_of(world, &addon.app_id),
            "plan": { "id": addon.id, "name": addon.plan },
        })),
        "config_vars": attachment.config_vars, "web_url": addon.map(console_url),
    })
}

fn attachments(world: &World, wanted: impl Fn(&Attachment) -> bool) -> Value {
    let list = world.attachments.iter().filter(|one| wanted(one));
    list.map(|one| attachment_json(world, one)).collect()
}

/// By the attachment's name, one of its config vars, or the add-on's name, UUID or service.
fn resolve_attachment(world: &World, body: &Value) -> Reply {
    let text = body["addon_attachment"].as_str().unwrap_or_default();
    let app = body["app"].as_str().map(|app| world.app(app));
    if let Some(None) = app {
        return not_found("app");
    }
    let app_id = app.flatten().map(|app| app.id.as_str());
    let list = attachments(world, |one| {
        let addon = world.addon(&one.addon_id);
        app_id.is_none_or(|id| one.app_id == id)
            && (one.name == text
                || one.config_vars.iter().any(|name| name == text)
                || addon.is_some_and(|addon| is_addon(addon, text)))
    });
    match list.as_array() {
        Some(found) if !found.is_empty() => Reply::ok(list),
        _ => not_found("add_on attachment"),
    }
}

fn resolve_addon(world: &World, body: &Value) -> Reply {
    let text = body["addon"].as_str().unwrap_or_default();
    let app_id = body["app"].as_str().and_then(|app| world.app(app)).map(|app| app.id.as_str());
    let found: Vec<Value> = world
        .addons
        .iter()
        .filter(|addon| is_addon(addon, text) && app_id.is_none_or(|id| addon.app_id == id))
        .map(|addon| addon_json(world, addon))
        .collect();
    if found.is_empty() { not_found("add_on") } else { Reply::ok(found.into()) }
}

fn is_addon(addon: &Addon, text: &str) -> bool {
    addon.name == text || addon.id == text || addon.plan.split(':').next() == Some(text)
}

/// Returns one page of a list: 206 and `Next-Range` while there are more.
fn paged(reply: Reply, request: &Recorded, size: usize) -> Reply {
    let Value::Array(all) = &reply.body else { return reply };
    let asked = request.header("range").and_then(|range| range.strip_prefix("id ]"));
    let start = asked.and_then(|range| range.split("..").next()?.parse().ok()).unwrap_or(0);
    let page: Vec<Value> = all.iter().skip(start).take(size).cloned().collect();
    let end = start + page.len();
    if end >= all.len() {
        return Reply::ok(page.into());
    }
    let next = format!("id ]{end}..; max={size}");
    Reply { status: 206, body: page.into(), headers: vec![("Next-Range", next)] }
}
