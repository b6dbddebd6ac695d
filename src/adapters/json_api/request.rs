//! What a request consists of.

use reqwest::Method;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

use super::error::{ApiError, ErrorKind};
use super::service::Service;

/// When a request is sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// After an error of the moment: it does no harm twice.
    Idempotent,
    /// Where it was not looked at, if the service says so.
    OverLimit,
    Never,
}

/// One request in the making. Its method is GET until it is given another.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub(super) method: Method,
    pub(super) base: &'a Url,
    pub(super) path: &'a [&'a str],
    pub(super) query: Vec<(&'a str, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<&'a Value>,
    pub(super) is_private: bool,
    /// What it is about, for messages: "the config vars of bc-staging".
    pub what: String,
    repeat: Repeat,
}

impl<'a> Request<'a> {
    /// A GET of something below a base; each element of the path is one segment, whatever is in it.
    pub fn new(base: &'a Url, path: &'a [&'a str], what: impl Into<String>) -> Self {
        let json = HeaderValue::from_static("application/json");
        Request {
            method: Method::GET,
            base,
            path,
            query: Vec::new(),
            headers: HeaderMap::from_iter([(ACCEPT, json)]),
            body: None,
            is_private: false,
            what: what.into(),
            repeat: Repeat::Idempotent,
        }
    }

    /// Another method. From now on it is not repeated after an answer that was lost.
    pub fn method(self, method: Method) -> Self {
        Request { method, repeat: Repeat::OverLimit, ..self }
    }

    pub fn query(mut self, query: &[(&'a str, &str)]) -> Self {
        self.query.extend(query.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self
    }

    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    pub fn body(self, body: Option<&'a Value>) -> Self {
        Request { body, ..self }
    }

    /// It does no harm twice, whatever its method.
    pub fn idempotent(self) -> Self {
        Request { repeat: Repeat::Idempotent, ..self }
    }

    /// It is sent once, whatever its method.
    pub fn once(self) -> Self {
        Request { repeat: Repeat::Never, ..self }
    }

    /// Neither its body nor the answer's is shown anywhere, not even in parts.
    pub fn private(self) -> Self {
        Request { is_private: true, ..self }
    }

    pub(super) fn may_repeat(&self, service: &Service, error: &ApiError) -> bool {
        match self.repeat {
            Repeat::Idempotent => error.is_transient(),
            Repeat::OverLimit => service.repeats_over_limit && error.kind() == ErrorKind::OverLimit,
            Repeat::Never => false,
        }
    }
}
