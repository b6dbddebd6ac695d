//! Shows requests with `-v`, and their headers and bodies with `-vv`.
//!
//! Only listed texts are shown: fields of a body that hold no personal data and no secrets, and
//! headers that hold no login. The screen also removes known secrets from every line.

use std::time::Instant;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tracing::Level;
use url::Url;

use super::answer::ApiAnswer;
use super::place::place;

/// The name of requests in `BCOPS_LOG`.
const TARGET: &str = "bcops::http";

/// How much of a body is shown.
const LONGEST_BODY: usize = 2_000;
const MOST_ITEMS: usize = 20;

const HEADERS: [&str; 6] = ["accept", "cf-ray", "next-range", "range", "ratelimit", "request-id"];

const FIELDS: [&str; 28] = [
    "code",
    "created_at",
    "error",
    "from_name",
    "from_type",
    "git_url",
    "health",
    "id",
    "index",
    "level",
    "message",
    "name",
    "pri",
    "reason",
    "ref",
    "rep",
    "sha",
    "size",
    "started_at",
    "state",
    "status",
    "store.size",
    "to_name",
    "to_type",
    "type",
    "updated_at",
    "uuid",
    "version",
];

/// A request in progress.
pub struct Exchange {
    service: &'static str,
    /// Method, host and path.
    shown: String,
    attempt: u32,
    started: Instant,
}

impl Exchange {
    pub fn begin(service: &'static str, method: &Method, url: &Url, attempt: u32) -> Exchange {
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let shown = format!("{method} {}{}{query}", place(url), url.path());
        Exchange { service, shown, attempt, started: Instant::now() }
    }

    /// The same for a signed URL, which is a secret itself: only its host is shown.
    pub fn of_signed_url(service: &'static str, method: &Method, url: &Url) -> Exchange {
        let shown = format!("{method} {} (a signed URL)", place(url));
        Exchange { service, shown, attempt: 1, started: Instant::now() }
    }

    pub(super) fn sends(&self, headers: &HeaderMap, body: Option<&Value>, is_private: bool) {
        if tracing::enabled!(target: TARGET, Level::TRACE) {
            let headers = shown_headers(headers);
            let body = body.map(|body| shown_body(body.clone(), is_private)).unwrap_or_default();
            tracing::trace!(target: TARGET, "{} > {headers} {body}", self.shown);
        }
    }

    pub(super) fn ends(&self, answer: Option<&ApiAnswer>, is_private: bool) {
        self.answered(answer.map(|answer| answer.status));
        if let Some(answer) = answer
            && tracing::enabled!(target: TARGET, Level::TRACE)
        {
            let headers = shown_headers(&answer.headers);
            let body = match answer.read::<Value>() {
                Some(body) => shown_body(body, is_private),
                None => format!("{} bytes that are not JSON", answer.body.len()),
            };
            tracing::trace!(target: TARGET, "{} < {headers} {body}", self.shown);
        }
    }

    /// Logs the result. Without a status no answer came.
    pub fn answered(&self, status: Option<StatusCode>) {
        let outcome = status.map_or("no answer".to_owned(), |status| status.as_u16().to_string());
        let (service, attempt) = (self.service, self.attempt);
        let ms = self.started.elapsed().as_millis() as u64;
        tracing::debug!(target: TARGET, service, attempt, ms, "{}: {outcome}", self.shown);
    }
}

fn shown_headers(headers: &HeaderMap) -> String {
    let shown = HEADERS.iter().filter_map(|name| {
        let value = headers.get(*name)?.to_str().ok()?;
        Some(format!("{name}: {value}"))
    });
    format!("[{}]", shown.collect::<Vec<_>>().join(", "))
}

fn shown_body(body: Value, is_private: bool) -> String {
    if is_private {
        return "(a hidden body)".to_owned();
    }
    let text = outline("", body).to_string();
    match text.char_indices().nth(LONGEST_BODY) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// The value without the texts of unknown fields.
fn outline(name: &str, value: Value) -> Value {
    match value {
        Value::String(text) if !FIELDS.contains(&name) && !text.is_empty() => "…".into(),
        Value::Array(items) => {
            items.into_iter().take(MOST_ITEMS).map(|item| outline(name, item)).collect()
        }
        Value::Object(map) => {
            let shown = map.into_iter().map(|(name, value)| {
                let value = outline(&name, value);
                (name, value)
            });
            Value::Object(shown.collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_harmless_texts_of_a_body_are_shown() {
        let body = json!({
            "name": "bc", "email": "ada@council.example", "DATABASE_URL": "postgres://u:p@h/d",
            "addon": { "plan": { "name": "standard-0" }, "value": "hunter2" }, "num": 7,
            "files": ["https://council.example/ada"],
        });
        let shown = shown_body(body, false);
        for hidden in ["ada", "postgres", "hunter2"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
        for kept in ["\"bc\"", "standard-0", "DATABASE_URL", "7"] {
            assert!(shown.contains(kept), "{shown}");
        }
        assert!(!shown_body(json!({ "name": "hunter2" }), true).contains("hunter2"));
        assert!(shown_body(json!(vec!["x"; 9000]), false).chars().count() <= LONGEST_BODY + 1);
    }

    #[test]
    fn a_signed_url_is_its_host() {
        let url = Url::parse("https://s3.example/backups/b1?X-Amz-Signature=abc").expect("a URL");
        let exchange = Exchange::of_signed_url("heroku", &Method::GET, &url);
        assert_eq!(exchange.shown, "GET s3.example (a signed URL)");
    }
}
