//! Every command against every fault of every service that it asks.

pub mod gateway;
mod table;
