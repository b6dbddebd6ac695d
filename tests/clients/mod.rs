//! The stand-ins, proved by the real clients of the services that they stand in for.

mod cloudflare;
mod elasticsearch;
mod gitlab;
pub mod heroku;
mod heroku_changes;
mod object_stores;
mod pip_sites;
mod s3;
