//! Handles many documents in one request.

use serde_json::{Value, json};

use super::faults::Fault;
use super::index::Indices;
use super::server::refusal;
use crate::standins::server::{Recorded, Reply};

/// Pairs of lines: the action, and the document.
pub fn answer(
    indices: &mut Indices,
    default: Option<&str>,
    request: &Recorded,
    fault: Option<&Fault>,
) -> Reply {
    if !request.body.ends_with('\n') {
        let reason = "The bulk request must be terminated by a newline [\\n]";
        return refusal(400, "illegal_argument_exception", reason);
    }
    let read = |line: &str| serde_json::from_str::<Value>(line).ok();
    let mut lines = request.body.lines().filter(|line| !line.is_empty());
    let mut items = Vec::new();
    let mut written = Vec::new();
    while let Some(line) = lines.next() {
        let Some((name, given)) =
            read(line).and_then(|action| action.as_object()?.clone().into_iter().next())
        else {
            return refusal(400, "illegal_argument_exception", "Malformed action/metadata line");
        };
        let index = given["_index"].as_str().or(default).unwrap_or_default().to_owned();
        let id = given["_id"].as_str().map_or_else(|| given["_id"].to_string(), str::to_owned);
        let document = match name.as_str() {
            "delete" => None,
            "index" | "create" => match lines.next().and_then(read) {
                Some(document) => Some(document),
                None => return refusal(400, "parse_exception", "a document is no JSON"),
            },
            _ => return refusal(400, "illegal_argument_exception", "unknown bulk action"),
        };
        if fault == Some(&Fault::BulkErrors) {
            let error =
                json!({ "type": "es_rejected_execution_exception", "reason": "queue is full" });
            items.push(
                json!({ name: { "_index": index, "_id": id, "status": 429, "error": error } }),
            );
            continue;
        }
        items.push(
            json!({ name: { "_index": index, "_id": id, "status": 201, "result": "created" } }),
        );
        written.push((index, id, document));
    }
    if fault == Some(&Fault::LostDocument) {
        written.pop();
    }
    for (index, id, document) in written {
        let index = indices.for_writing(&index);
        match document {
            Some(document) => _ = index.put(&id, document),
            None => _ = index.delete(&id),
        }
    }
    let errors = fault == Some(&Fault::BulkErrors);
    Reply::ok(json!({ "took": 1, "errors": errors, "items": items }))
}
