//! What `reset-staging` is made of.

pub mod migrations;
