//! Proves the stand-ins with the real clients of their services.

mod cloudflare;
mod elasticsearch;
mod gitlab;
pub mod heroku;
mod heroku_changes;
mod migrations;
mod object_stores;
mod pip_sites;
mod s3;
mod wagtail_releases;
