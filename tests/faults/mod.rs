//! Tests every command against every fault of every service that it uses.

pub mod gateway;
mod table;
