//! Routes each known request to its handler.

use serde_json::{Map, Value, json};

use super::faults::Fault;
use super::index::Indices;
use super::server::{no_such_index, refusal};
use super::{Flavour, Shared, bulk, search};
use crate::standins::server::{Recorded, Reply};

pub fn answer(shared: &Shared, request: &Recorded, fault: Option<&Fault>) -> Reply {
    let mut indices = shared.indices();
    let segments = request.segments();
    match (request.method.as_str(), &segments[..]) {
        ("GET" | "HEAD", []) => {
            Reply::ok(root(shared.options.flavour, &shared.options.cluster_uuid))
        }
        ("GET", ["_cluster", "health"]) => Reply::ok(health(&indices)),
        ("GET", ["_cluster", "settings"]) => {
            Reply::ok(json!({ "persistent": {}, "transient": {} }))
        }
        ("GET", ["_cat", "indices"]) => listing(&indices, request, &shared.options.cluster_uuid),
        ("GET", ["_alias"]) => Reply::ok(indices.aliases_json(None)),
        ("GET" | "HEAD", ["_alias", name]) => match indices.is_alias(name) {
            true => Reply::ok(indices.aliases_json(Some(name))),
            false => {
                let error = json!({ "error": format!("alias [{name}] missing"), "status": 404 });
                Reply { status: 404, ..Reply::ok(error) }
            }
        },
        ("POST", ["_aliases"]) => change_aliases(&mut indices, &request.json()),
        ("PUT" | "POST", ["_bulk"]) => bulk::answer(&mut indices, None, request, fault),
        ("PUT" | "POST", [index, "_bulk"]) => {
            bulk::answer(&mut indices, Some(index), request, fault)
        }
        ("GET" | "POST", ["_search", "scroll"]) => {
            search::next_page(&mut indices, &scroll_id(request))
        }
        ("DELETE", ["_search", "scroll"]) => {
            let freed = indices.scrolls.remove(&scroll_id(request)).is_some();
            Reply::ok(json!({ "succeeded": true, "num_freed": u8::from(freed) }))
        }
        ("GET" | "POST", ["_refresh"]) => refresh(&mut indices, "_all", fault),
        ("GET" | "POST", [index, "_refresh"]) => refresh(&mut indices, index, fault),
        ("GET" | "POST", [index, "_count"]) => match indices.meant(index) {
            Ok(names) => failed_shard(search::count(&indices, &names, request), fault),
            Err(reply) => reply,
        },
        ("GET" | "POST", [index, "_search"]) => match indices.meant(index) {
            Ok(names) => search::search(&mut indices, &names, request),
            Err(reply) => reply,
        },
        (_, [index, rest @ ..]) if !index.starts_with('_') => {
            of_index(&mut indices, index, rest, request)
        }
        _ => no_handler(request),
    }
}

fn of_index(indices: &mut Indices, index: &str, rest: &[&str], request: &Recorded) -> Reply {
    let acknowledged = || Reply::ok(json!({ "acknowledged": true }));
    match (request.method.as_str(), rest) {
        ("HEAD", []) => match indices.meant(index) {
            Ok(_) => Reply::ok(Value::Null),
            Err(reply) => reply,
        },
        ("PUT", []) => match indices.create(index, request.json()) {
            Ok(()) => {
                let body =
                    json!({ "acknowledged": true, "shards_acknowledged": true, "index": index });
                Reply::ok(body)
            }
            Err(reply) => reply,
        },
        ("DELETE", []) if indices.is_alias(index) => {
            let reason = format!(
                "The provided expression [{index}] matches an alias, specify the corresponding concrete indices instead."
            );
            refusal(400, "illegal_argument_exception", &reason)
        }
        ("DELETE", []) => match indices.remove(index) {
            true => acknowledged(),
            false => no_such_index(index),
        },
        ("PUT" | "POST", ["_alias" | "_aliases", alias]) => match indices.meant(index) {
            Ok(names) => {
                names.iter().for_each(|name| indices.add_alias(alias, name));
                acknowledged()
            }
            Err(reply) => reply,
        },
        (method, ["_mapping"]) => match indices.meant(index) {
            Ok(names) => mapping(indices, &names, method, &request.json()),
            Err(reply) => reply,
        },
        (_, ["_doc"]) if !request.body.is_empty() => {
            let id = format!("made-{}", request.body.len());
            write(indices, index, &id, request.json())
        }
        ("PUT" | "POST", ["_doc", id]) => write(indices, index, id, request.json()),
        ("DELETE", ["_doc", id]) => {
            let was_there = indices.for_writing(index).delete(id);
            let (status, result) = if was_there { (200, "deleted") } else { (404, "not_found") };
            Reply { status, ..Reply::ok(json!({ "_index": index, "_id": id, "result": result })) }
        }
        ("GET" | "HEAD", ["_doc", id]) => {
            let found = indices.get(index).and_then(|found| found.current(id));
            let body = json!({
                "_index": index, "_id": id, "found": found.is_some(), "_source": found,
            });
            Reply { status: if found.is_some() { 200 } else { 404 }, ..Reply::ok(body) }
        }
        _ => no_handler(request),
    }
}

fn no_handler(request: &Recorded) -> Reply {
    let reason =
        format!("no handler found for uri [{}] and method [{}]", request.path, request.method);
    Reply { status: 400, ..Reply::ok(json!({ "error": reason, "status": 400 })) }
}

fn root(flavour: Flavour, cluster_uuid: &str) -> Value {
    let mut version = json!({ "number": flavour.version(), "build_type": "tar" });
    let tagline = match flavour.is_opensearch() {
        true => {
            version["distribution"] = json!("opensearch");
            "The OpenSearch Project: https://opensearch.org/"
        }
        false => {
            let build = if flavour == Flavour::Elasticsearch { "oss" } else { "default" };
            version["build_flavor"] = json!(build);
            "You Know, for Search"
        }
    };
    json!({
        "name": "stand-in", "cluster_name": "stand-in-cluster", "cluster_uuid": cluster_uuid,
        "version": version, "tagline": tagline,
    })
}

/// A replica has no second node.
fn health(indices: &Indices) -> Value {
    let primaries: u64 = indices.iter().map(|(_, index)| index.primaries()).sum();
    let replicas: u64 = indices.iter().map(|(_, index)| index.primaries() * index.replicas()).sum();
    json!({
        "cluster_name": "stand-in-cluster", "status": if replicas > 0 { "yellow" } else { "green" },
        "timed_out": false, "number_of_nodes": 1, "number_of_data_nodes": 1,
        "active_primary_shards": primaries, "active_shards": primaries,
        "relocating_shards": 0, "initializing_shards": 0, "unassigned_shards": replicas,
    })
}

fn listing(indices: &Indices, request: &Recorded, cluster_uuid: &str) -> Reply {
    if request.parameter("format").as_deref() != Some("json") {
        return refusal(400, "illegal_argument_exception", "the stand-in lists in JSON only");
    }
    let in_bytes = request.parameter("bytes").as_deref() == Some("b");
    let columns = request.parameter("h");
    let columns = columns.as_deref().unwrap_or(
        "health,status,index,uuid,pri,rep,docs.count,docs.deleted,store.size,pri.store.size",
    );
    let line = |(name, index): (&String, &super::index::Index)| {
        let size = match in_bytes {
            true => index.bytes().to_string(),
            false => format!("{:.1}kb", index.bytes() as f64 / 1024.0),
        };
        let open = |value: String| if index.closed { Value::Null } else { json!(value) };
        let value = |column: &str| match column {
            "index" => json!(name),
            "uuid" => json!(format!("{cluster_uuid}-{name}")),
            "health" => json!(if index.replicas() > 0 { "yellow" } else { "green" }),
            "status" => json!(if index.closed { "close" } else { "open" }),
            "pri" => json!(index.primaries().to_string()),
            "rep" => json!(index.replicas().to_string()),
            "docs.count" => open(index.visible.len().to_string()),
            "docs.deleted" => open("0".to_owned()),
            "creation.date" => json!(index.created.to_string()),
            "store.size" | "pri.store.size" => open(size.clone()),
            _ => json!("_na_"),
        };
        let line: Map<String, Value> =
            columns.split(',').map(|column| (column.to_owned(), value(column))).collect();
        Value::Object(line)
    };
    Reply::ok(indices.iter().map(line).collect())
}

fn refresh(indices: &mut Indices, expression: &str, fault: Option<&Fault>) -> Reply {
    match indices.meant(expression) {
        Ok(names) => {
            for name in &names {
                if let Some(index) = indices.get_mut(name) {
                    index.refresh();
                }
            }
            failed_shard(Reply::ok(json!({ "_shards": search::shards(&names, 0) })), fault)
        }
        Err(reply) => reply,
    }
}

fn failed_shard(mut reply: Reply, fault: Option<&Fault>) -> Reply {
    if fault == Some(&Fault::FailedShard) && reply.status == 200 {
        reply.body["_shards"]["failed"] = json!(1);
    }
    reply
}

fn mapping(indices: &mut Indices, names: &[String], method: &str, body: &Value) -> Reply {
    let mut found = Map::new();
    for name in names {
        let Some(index) = indices.get_mut(name) else { continue };
        if method != "GET"
            && let Some(properties) = body["properties"].as_object()
            && let Err(reply) = index.map(properties)
        {
            return reply;
        }
        found.insert(name.clone(), json!({ "mappings": { "properties": index.properties } }));
    }
    match method {
        "GET" => Reply::ok(found.into()),
        _ => Reply::ok(json!({ "acknowledged": true })),
    }
}

fn write(indices: &mut Indices, index: &str, id: &str, document: Value) -> Reply {
    let is_new = indices.for_writing(index).put(id, document);
    let (status, result) = if is_new { (201, "created") } else { (200, "updated") };
    Reply { status, ..Reply::ok(json!({ "_index": index, "_id": id, "result": result })) }
}

fn change_aliases(indices: &mut Indices, body: &Value) -> Reply {
    for action in body["actions"].as_array().into_iter().flatten() {
        let (name, of) = match (&action["add"], &action["remove"]) {
            (Value::Object(_), _) => ("add", &action["add"]),
            (_, Value::Object(_)) => ("remove", &action["remove"]),
            _ => return refusal(400, "illegal_argument_exception", "unknown action"),
        };
        let text = |key: &str| of[key].as_str().unwrap_or_default().to_owned();
        match name {
            "add" => indices.add_alias(&text("alias"), &text("index")),
            _ => indices.remove_alias(&text("alias"), &text("index")),
        }
    }
    Reply::ok(json!({ "acknowledged": true }))
}

fn scroll_id(request: &Recorded) -> String {
    let body = request.json();
    let id = match &body["scroll_id"] {
        Value::Array(several) => several.first().and_then(Value::as_str),
        one => one.as_str(),
    };
    id.unwrap_or_default().to_owned()
}
