//! What `reset-staging` is made of.

pub mod accounts;
pub mod content;
pub mod migrations;
mod records;
pub mod sites;
