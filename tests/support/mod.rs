//! Holds what the tests and the sandbox share: real servers, started and stopped here.

#![allow(dead_code, reason = "the tests and the sandbox each use a part of it")]

pub mod forward;
pub mod generator;
pub mod git;
pub mod postgres;
pub mod redis;
pub mod sessions;
pub mod site;
pub mod terminal;
pub mod wait;
