//! Talks to other services through thin, typed clients without policy.

mod backoff;
pub mod cloudflare;
pub mod download;
pub mod elasticsearch;
pub mod git;
pub mod gitlab;
pub mod heroku;
pub mod json_api;
pub mod postgres;
pub mod redis;
pub mod s3;
pub mod site;
mod transport;

pub(crate) use transport::{client as http_client, is_private};
