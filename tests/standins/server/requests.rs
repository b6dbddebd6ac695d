//! Records requests.

use std::io;
use std::sync::Mutex;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use serde_json::Value;

use super::faults::{Faults, Rule};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub method: String,
    /// With the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
    /// The body as it came, where it need not be text.
    pub bytes: Bytes,
}

impl Recorded {
    pub async fn read(request: Request<Incoming>) -> io::Result<Recorded> {
        let (head, body) = request.into_parts();
        let bytes = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Recorded {
            method: head.method.to_string(),
            path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: head.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
            bytes,
        })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Between the slashes of the path, as they came.
    pub fn segments(&self) -> Vec<&str> {
        let path = self.path.split('?').next().unwrap_or_default();
        path.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    /// A parameter of the query, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.path.split_once('?')?;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(one, _)| one == name).map(|(_, value)| value.into_owned())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// Every request so far, including faulty ones, and the planned faults.
pub struct Intake<F> {
    requests: Mutex<Vec<Recorded>>,
    faults: Faults<F>,
}

impl<F> Default for Intake<F> {
    fn default() -> Intake<F> {
        Intake { requests: Mutex::default(), faults: Faults::default() }
    }
}

impl<F: Clone> Intake<F> {
    /// Records a request, and returns its planned fault.
    pub fn take(&self, request: &Recorded) -> Option<F> {
        self.requests.lock().expect("no panic").push(request.clone());
        self.faults.for_request(&request.method, &request.path)
    }

    pub fn misbehave(&self, rule: Rule<F>) {
        self.faults.add(rule);
    }

    pub fn behave(&self) {
        self.faults.forget();
    }

    pub fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().expect("no panic").clone()
    }

    pub fn forget_requests(&self) {
        self.requests.lock().expect("no panic").clear();
    }
}
