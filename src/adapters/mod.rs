//! Thin, typed clients of the services that bcops talks to. They hold no policy.

mod backoff;
pub mod download;
pub mod heroku;
mod transport;
