//! Finds the documents of a query, for Wagtail's queries. An unknown query is an error, so nothing
//! is found by mistake.

use serde_json::{Map, Value};

use super::index::Index;

type Verdict = Result<Option<f64>, String>;

/// The score of a document, or `None` if the query does not find it.
pub fn score(index: &Index, document: &Value, query: &Value) -> Verdict {
    let object = query.as_object().ok_or("a query is an object")?;
    if object.len() != 1 {
        return Err(format!("a query has one name: {query}"));
    }
    let (name, given) = object.iter().next().ok_or("an empty query")?;
    match name.as_str() {
        "match_all" => Ok(Some(1.0)),
        "match_none" => Ok(None),
        "bool" => of_bool(index, document, given),
        "dis_max" => of_some(index, document, &given["queries"]),
        "match" => of_match(index, document, given, false),
        "match_phrase" => of_match(index, document, given, true),
        "multi_match" => of_multi_match(index, document, given),
        "term" | "terms" => of_terms(index, document, given),
        "exists" => {
            let field = given["field"].as_str().ok_or("exists without a field")?;
            Ok((!values(index, document, field).is_empty()).then_some(1.0))
        }
        "range" => of_range(index, document, given),
        other => Err(format!("unknown query [{other}]")),
    }
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(several) => several.iter().collect(),
        one => vec![one],
    }
}

fn of_bool(index: &Index, document: &Value, given: &Value) -> Verdict {
    let known = ["must", "filter", "should", "must_not", "mustNot", "boost"];
    let names = given.as_object().ok_or("bool is an object")?.keys();
    if let Some(name) = names.into_iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("[bool] query does not support [{name}]"));
    }
    let mut total = 0.0;
    for (name, counts) in [("must", 1.0), ("filter", 0.0)] {
        for query in list(&given[name]) {
            match score(index, document, query)? {
                Some(found) => total += counts * found,
                None => return Ok(None),
            }
        }
    }
    for name in ["must_not", "mustNot"] {
        for query in list(&given[name]) {
            if score(index, document, query)?.is_some() {
                return Ok(None);
            }
        }
    }
    let should = list(&given["should"]);
    let needs_one = !should.is_empty() && given["must"].is_null() && given["filter"].is_null();
    let mut found_one = false;
    for query in should {
        if let Some(found) = score(index, document, query)? {
            found_one = true;
            total += found;
        }
    }
    Ok((found_one || !needs_one).then_some(total))
}

fn of_some(index: &Index, document: &Value, queries: &Value) -> Verdict {
    let mut best = None;
    for query in list(queries) {
        if let Some(found) = score(index, document, query)? {
            best = Some(f64::max(best.unwrap_or(0.0), found));
        }
    }
    Ok(best)
}

/// `{"FIELD": "words"}` or `{"FIELD": {"query": "words", "operator": "and"}}`.
fn of_match(index: &Index, document: &Value, given: &Value, phrase: bool) -> Verdict {
    let object = given.as_object().ok_or("match is an object")?;
    let (field, given) = object.iter().next().ok_or("match without a field")?;
    let asked = if given.is_object() { &given["query"] } else { given };
    let all = given["operator"].as_str() == Some("and");
    Ok(in_field(index, document, field, &text(asked), all, phrase))
}

fn of_multi_match(index: &Index, document: &Value, given: &Value) -> Verdict {
    let asked = text(&given["query"]);
    let all = given["operator"].as_str() == Some("and");
    let phrase = given["type"].as_str() == Some("phrase");
    let mut best: Option<f64> = None;
    for field in list(&given["fields"]) {
        let field = field.as_str().ok_or("a field is a text")?;
        let (field, boost) = field.split_once('^').unwrap_or((field, "1"));
        let boost: f64 = boost.parse().map_err(|_| "a boost is a number")?;
        if let Some(found) = in_field(index, document, field, &asked, all, phrase) {
            best = Some(f64::max(best.unwrap_or(0.0), boost * found));
        }
    }
    Ok(best)
}

fn in_field(
    index: &Index,
    document: &Value,
    field: &str,
    asked: &str,
    all: bool,
    phrase: bool,
) -> Option<f64> {
    let mapping = index.fields.get(field);
    let held = values(index, document, field);
    if mapping.is_some_and(|mapping| mapping.kind != "text") {
        return held.iter().any(|value| text(value) == asked).then_some(1.0);
    }
    let by_beginnings = mapping.is_some_and(|mapping| mapping.by_beginnings);
    let held: Vec<Vec<String>> = held.iter().map(|value| words(&text(value))).collect();
    let asked = words(asked);
    if phrase {
        let has = |held: &Vec<String>| held.windows(asked.len().max(1)).any(|some| some == asked);
        return held.iter().any(has).then_some(1.0);
    }
    let is_held = |word: &&String| {
        let fits = |held: &String| held == *word || (by_beginnings && held.starts_with(*word));
        held.iter().flatten().any(fits)
    };
    let found = asked.iter().filter(is_held).count();
    let enough = if all { found == asked.len() } else { found > 0 };
    (enough && !asked.is_empty()).then_some(found as f64)
}

fn of_terms(index: &Index, document: &Value, given: &Value) -> Verdict {
    let (field, asked) =
        given.as_object().and_then(|given| given.iter().next()).ok_or("terms without a field")?;
    let asked = if asked.is_object() { &asked["value"] } else { asked };
    let asked: Vec<String> = list(asked).into_iter().map(text).collect();
    let held = values(index, document, field);
    Ok(held.iter().any(|value| asked.contains(&text(value))).then_some(1.0))
}

fn of_range(index: &Index, document: &Value, given: &Value) -> Verdict {
    let (field, limits) =
        given.as_object().and_then(|given| given.iter().next()).ok_or("range without a field")?;
    let mut fits = true;
    for (name, limit) in limits.as_object().ok_or("range without limits")? {
        let holds = |value: &&Value| {
            let order = match (value.as_f64(), limit.as_f64()) {
                (Some(value), Some(limit)) => value.total_cmp(&limit),
                _ => text(value).cmp(&text(limit)),
            };
            match name.as_str() {
                "gt" => order.is_gt(),
                "gte" => order.is_ge(),
                "lt" => order.is_lt(),
                _ => order.is_le(),
            }
        };
        fits &= values(index, document, field).iter().any(holds);
    }
    Ok(fits.then_some(1.0))
}

/// The values of a field: its own, and those of fields that are copied to it.
pub fn values<'d>(index: &Index, document: &'d Value, field: &str) -> Vec<&'d Value> {
    let mut found = Vec::new();
    at_path(document, field, &mut found);
    for (path, mapping) in &index.fields {
        if mapping.copy_to.iter().any(|to| to == field) {
            at_path(document, path, &mut found);
        }
    }
    found
}

fn at_path<'d>(value: &'d Value, path: &str, found: &mut Vec<&'d Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| at_path(item, path, found)),
        Value::Null => {}
        value if path.is_empty() => found.push(value),
        Value::Object(object) => at_name(object, path, found),
        _ => {}
    }
}

fn at_name<'d>(object: &'d Map<String, Value>, path: &str, found: &mut Vec<&'d Value>) {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    if let Some(value) = object.get(name) {
        at_path(value, rest, found);
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
