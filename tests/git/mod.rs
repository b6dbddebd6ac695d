//! The git adapter, on real repositories.

mod access;
mod branches;
mod lock;
pub mod merge;
mod merge_random;
mod migrations;
mod network;
mod odd_clones;
