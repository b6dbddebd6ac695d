//! Builds a request.

use reqwest::Method;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

use super::error::{ApiError, ErrorKind};
use super::service::Service;

/// When a request is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// After a temporary error, because a repeat is harmless.
    Idempotent,
    /// Only after a rate limit, if such a request has no effect at the service.
    OverLimit,
    Never,
}

/// A request. Its method is GET unless set.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub(super) method: Method,
    pub(super) base: &'a Url,
    pub(super) path: &'a [&'a str],
    pub(super) query: Vec<(&'a str, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<&'a Value>,
    pub(super) is_private: bool,
    /// The subject, for messages: "the config vars of bc-staging".
    pub what: String,
    repeat: Repeat,
}

impl<'a> Request<'a> {
    /// A GET below a base. Each element of the path is one segment, whatever it holds.
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

    /// Sets the method. The request is then no longer repeated after a lost answer.
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

    /// Marks the request as harmless to repeat, whatever its method.
    pub fn idempotent(self) -> Self {
        Request { repeat: Repeat::Idempotent, ..self }
    }

    /// Sends the request once, whatever its method.
    pub fn once(self) -> Self {
        Request { repeat: Repeat::Never, ..self }
    }

    /// Hides the bodies of the request and the answer everywhere, even in parts.
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
