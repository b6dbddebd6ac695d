//! Asks APIs that speak JSON: Heroku's two, GitLab's, Elasticsearch's and Cloudflare's.
//!
//! What all of them need is here once: where a token may go, time limits, redirects, what is sent again
//! and when, how much of an answer is read, pages, errors, and what `-v` shows. What differs is a
//! [`Service`], a table beside each adapter. An adapter is left with its endpoints and its types.

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
