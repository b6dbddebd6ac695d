//! Tests `pull-media` and `push-media` with a real bucket server.

mod copy;
mod faults;
mod guards;
mod keys;
mod kill;
mod large;
mod odd_servers;
mod pull;
mod push;
mod unreadable;
pub mod world;
