//! The same resource under another name is refused, and another one under a similar name is not:
//! with real servers on both sides.

mod buckets;
mod colleague;
mod databases;
mod generated;
mod local;
pub mod repositories;
mod stores;
mod world;
