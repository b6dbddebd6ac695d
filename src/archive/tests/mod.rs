//! Tests of the archive reader as a whole.

pub mod builder;
mod damage;
mod fixtures;
mod reading;
mod schema;
