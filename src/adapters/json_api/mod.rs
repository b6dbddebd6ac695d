//! Sends requests to JSON APIs: Heroku's two, GitLab's, Elasticsearch's and Cloudflare's.
//!
//! The common parts are here: where a token may go, time limits, redirects, retries, the longest
//! answer, pages, errors, and what `-v` shows. The differences are in a [`Service`], a table beside
//! each adapter. An adapter adds only its endpoints and its types.

mod answer;
mod client;
mod error;
mod login;
mod place;
mod request;
mod service;
mod timing;
mod trace;

pub use answer::ApiAnswer;
pub use client::JsonApi;
pub use error::{ApiError, ErrorKind, Reason};
pub use login::Login;
pub use place::{base, place};
pub use request::Request;
pub use service::{Advice, AskedBy, Hints, Pages, Phrasing, Redirects, Service};
pub use timing::Timing;
pub use trace::Exchange;
