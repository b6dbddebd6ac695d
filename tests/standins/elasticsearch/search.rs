//! Handles searches, counts, and searches page by page.

use serde_json::{Map, Value, json};

use super::index::{Index, Indices};
use super::query::{score, text, values};
use super::server::refusal;
use crate::standins::server::{Recorded, Reply};

/// The rest of a search.
pub struct Scroll {
    hits: Vec<Value>,
    total: usize,
    size: usize,
}

struct Hit<'i> {
    index_name: &'i str,
    index: &'i Index,
    id: &'i str,
    document: &'i Value,
    score: f64,
}

pub fn count(indices: &Indices, names: &[String], request: &Recorded) -> Reply {
    match found(indices, names, &request.json()) {
        Ok(hits) => Reply::ok(json!({ "count": hits.len(), "_shards": shards(names, 0) })),
        Err(reply) => reply,
    }
}

pub fn shards(names: &[String], failed: usize) -> Value {
    let total = names.len();
    json!({ "total": total, "successful": total - failed.min(total), "skipped": 0, "failed": failed })
}

pub fn search(indices: &mut Indices, names: &[String], request: &Recorded) -> Reply {
    let body = request.json();
    let mut hits = match found(indices, names, &body) {
        Ok(hits) => hits,
        Err(reply) => return reply,
    };
    sort(&mut hits, &body["sort"]);
    let number = |name: &str, default: usize| {
        let given = request.parameter(name).and_then(|text| text.parse().ok());
        given.or(body[name].as_u64().map(|number| number as usize)).unwrap_or(default)
    };
    let (from, size) = (number("from", 0), number("size", 10));
    let total = hits.len();
    let hits: Vec<Value> = hits.iter().map(|hit| hit_json(hit, request)).collect();
    if request.parameter("scroll").is_some() {
        indices.scrolls_made += 1;
        let id = format!("scroll-{}", indices.scrolls_made);
        indices.scrolls.insert(id.clone(), Scroll { hits, total, size });
        return next_page(indices, &id);
    }
    let page: Vec<Value> = hits.into_iter().skip(from).take(size).collect();
    Reply::ok(page_json(page, total))
}

/// The next page of a search.
pub fn next_page(indices: &mut Indices, id: &str) -> Reply {
    let Some(scroll) = indices.scrolls.get_mut(id) else {
        let reason = format!("No search context found for id [{id}]");
        return refusal(404, "search_context_missing_exception", &reason);
    };
    let rest = scroll.hits.split_off(scroll.size.min(scroll.hits.len()));
    let page = std::mem::replace(&mut scroll.hits, rest);
    let mut body = page_json(page, scroll.total);
    body["_scroll_id"] = json!(id);
    Reply::ok(body)
}

fn page_json(hits: Vec<Value>, total: usize) -> Value {
    json!({
        "took": 1, "timed_out": false, "_shards": shards(&[], 0),
        "hits": { "total": { "value": total, "relation": "eq" }, "max_score": null, "hits": hits },
    })
}

fn found<'i>(
    indices: &'i Indices,
    names: &'i [String],
    body: &Value,
) -> Result<Vec<Hit<'i>>, Reply> {
    let everything = json!({ "match_all": {} });
    let query = if body["query"].is_null() { &everything } else { &body["query"] };
    let mut hits = Vec::new();
    for name in names {
        let Some(index) = indices.get(name) else { continue };
        if index.closed {
            let reason = format!("closed index [{name}]");
            return Err(refusal(400, "index_closed_exception", &reason));
        }
        for (id, document) in &index.visible {
            match score(index, document, query) {
                Ok(None) => {}
                Ok(Some(score)) => hits.push(Hit { index_name: name, index, id, document, score }),
                Err(reason) => return Err(refusal(400, "parsing_exception", &reason)),
            }
        }
    }
    Ok(hits)
}

/// By the given fields, else by the score.
fn sort(hits: &mut [Hit<'_>], given: &Value) {
    let fields: Vec<(String, bool)> = given
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|one| match one {
            Value::Object(object) => object
                .iter()
                .map(|(field, order)| (field.clone(), order == &json!("desc")))
                .collect(),
            one => vec![(text(one), false)],
        })
        .collect();
    hits.sort_by(|one, other| {
        if fields.is_empty() {
            return other.score.total_cmp(&one.score).then_with(|| one.id.cmp(other.id));
        }
        let key = |hit: &Hit<'_>, field: &str| {
            values(hit.index, hit.document, field).first().map(|value| text(value))
        };
        let orders = fields.iter().map(|(field, descending)| {
            let order = key(one, field).cmp(&key(other, field));
            if *descending { order.reverse() } else { order }
        });
        orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
}

fn hit_json(hit: &Hit<'_>, request: &Recorded) -> Value {
    let mut json = json!({
        "_index": hit.index_name, "_type": "_doc", "_id": hit.id, "_score": hit.score,
    });
    // Clients of Elasticsearch 8 and newer write both into the body.
    let body = request.json();
    let in_body = body["stored_fields"].as_str().map(str::to_owned);
    let asked = request.parameter("stored_fields").or(in_body).unwrap_or_default();
    let without_source =
        request.parameter("_source").as_deref() == Some("false") || body["_source"] == json!(false);
    let stored: Map<String, Value> = asked
        .split(',')
        .filter(|field| hit.index.fields.get(*field).is_some_and(|mapping| mapping.stored))
        .map(|field| (field.to_owned(), json!(values(hit.index, hit.document, field))))
        .collect();
    if !stored.is_empty() {
        json["fields"] = stored.into();
    }
    if asked.is_empty() && !without_source {
        json["_source"] = hit.document.clone();
    }
    json
}
