//! Builds answers.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::header::CONTENT_TYPE;
use serde_json::Value;

pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An answer in JSON.
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub headers: Vec<(&'static str, String)>,
}

impl Reply {
    pub fn new(status: u16, body: Value) -> Reply {
        Reply { status, body, headers: Vec::new() }
    }

    pub fn ok(body: Value) -> Reply {
        Reply::new(200, body)
    }

    pub fn with(mut self, name: &'static str, value: impl ToString) -> Reply {
        self.headers.push((name, value.to_string()));
        self
    }

    pub fn response(self, content_type: &str) -> Response<Body> {
        let mut builder =
            Response::builder().status(self.status).header(CONTENT_TYPE, content_type);
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        builder.body(full(self.body.to_string())).expect("a response")
    }
}

/// An answer in another format.
pub fn response(status: u16, content_type: &str, text: impl Into<Bytes>) -> Response<Body> {
    let builder = Response::builder().status(status).header(CONTENT_TYPE, content_type);
    builder.body(full(text)).expect("a response")
}

/// A page, as from a proxy in front of the service.
pub fn html(status: u16) -> Response<Body> {
    let page = "<!DOCTYPE html><html><body>Please come back later</body></html>";
    response(status, "text/html", page)
}

pub fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// For a connection that is closed on purpose.
pub fn closed() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}
