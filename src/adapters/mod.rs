//! Thin, typed clients of the services that bcops talks to. They hold no policy.

pub mod postgres;
