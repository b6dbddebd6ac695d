//! Tests the archive reader and writer as a whole.

pub mod builder;
mod damage;
mod fixtures;
pub(crate) mod reading;
mod schema;
mod writing;
