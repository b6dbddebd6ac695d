//! Plays services that do not run on a developer's machine. The stand-ins have realistic delays,
//! and faults on demand. The tests and the sandbox share them.
#![allow(dead_code, reason = "the tests and the sandbox each use a part")]

pub mod certificates;
pub mod cloudflare;
pub mod dns;
pub mod elasticsearch;
pub mod gitlab;
pub mod heroku;
pub mod s3;
pub(crate) mod server;
pub mod site;
pub mod tls;
pub mod web;
