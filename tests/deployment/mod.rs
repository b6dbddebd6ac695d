//! Tests with real servers that the same resource under another name is refused, and another
//! resource under a similar name is not.

mod buckets;
mod colleague;
mod databases;
mod generated;
mod local;
pub mod repositories;
mod stores;
mod world;
