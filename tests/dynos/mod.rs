//! Tests `run` and `shell`: commands on one-off dynos.

pub mod run;
mod shell;
