//! Proves the stand-ins with the real clients of their services.

mod cloudflare;
mod elasticsearch;
mod gitlab;
pub mod heroku;
mod heroku_changes;
mod moto;
mod pip_sites;
mod s3;
