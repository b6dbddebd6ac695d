//! Holds the logs of apps, and streams them as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use hyper::header::CONTENT_TYPE;
use jiff::Timestamp;
use serde_json::json;

use super::server::{not_found, refusal};
use super::state::{Shared, Stack};
use crate::standins::server::{Body, Recorded, Reply, full};

/// A log session: what is read, and how long.
pub struct Session {
    app: String,
    dyno: Option<String>,
    tail: bool,
}

/// One line: its source with the dyno, and the whole of it.
pub struct Line {
    dyno: String,
    text: String,
}

pub fn write(shared: &Shared, app: &str, source: &str, dyno: &str, message: &str) {
    let mut world = shared.world();
    if world.loses_logs {
        return;
    }
    let moment = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00");
    let text = format!("{moment} {source}[{dyno}]: {message}");
    if let Some(app) = world.app_mut(app) {
        app.logs.push(Line { dyno: dyno.to_owned(), text });
    }
}

pub fn open(shared: &Shared, app: &str, request: &Recorded) -> Reply {
    let mut world = shared.world();
    let Some(id) = world.app(app).map(|app| app.id.clone()) else {
        return not_found("app");
    };
    let body = request.json();
    let is_fir = world.app(app).is_some_and(|app| app.stack == Stack::CloudNative);
    if is_fir && (!body["lines"].is_null() || !body["tail"].is_null()) {
        return refusal(422, "invalid_params", "Fir apps have no earlier lines.");
    }
    let session = Session {
        app: id,
        dyno: body["dyno"].as_str().map(str::to_owned),
        tail: is_fir || body["tail"] == json!(true),
    };
    let secret = world.new_id();
    let url = format!("{}/logs/{secret}", shared.url);
    world.log_sessions.insert(secret.clone(), session);
    Reply::new(201, json!({ "id": secret, "logplex_url": url }))
}

pub fn stream(shared: &Arc<Shared>, secret: &str) -> Response<Body> {
    let builder = Response::builder().header(CONTENT_TYPE, "text/event-stream");
    if !shared.world().log_sessions.contains_key(secret) {
        return builder.status(404).body(full("")).expect("a response");
    }
    let shared = Arc::clone(shared);
    let secret = secret.to_owned();
    let events = stream::unfold(0, move |next| {
        let (shared, secret) = (Arc::clone(&shared), secret.clone());
        async move {
            loop {
                let (text, length, tail) = events_from(&shared, &secret, next)?;
                if !text.is_empty() {
                    let frame = Frame::data(Bytes::from(text));
                    return Some((Ok::<_, std::io::Error>(frame), length));
                }
                if !tail {
                    return None;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    });
    builder.body(StreamBody::new(events).boxed_unsync()).expect("a response")
}

/// The events from one line on, how many lines there are now, and whether more may come.
fn events_from(shared: &Shared, secret: &str, next: usize) -> Option<(String, usize, bool)> {
    let world = shared.world();
    let session = world.log_sessions.get(secret)?;
    let app = world.app(&session.app)?;
    let wanted = |line: &Line| session.dyno.as_ref().is_none_or(|dyno| *dyno == line.dyno);
    let lines = app.logs.iter().enumerate().skip(next).filter(|(_, line)| wanted(line));
    let text = lines.map(|(number, line)| format!("id: {number}\ndata: {}\n\n", line.text));
    Some((text.collect(), app.logs.len(), session.tail))
}
