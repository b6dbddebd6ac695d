//! Purges and clears the caches of an environment: Cloudflare in front of the site, and Django's
//! own.
//!
//! `purge-cache` and the runbook share this module. It asks no questions and prints nothing, and
//! the commands' guards compare with protected environments. One guard is here: Django's cache can
//! only be cleared through a [`crate::settings::Destination`].

mod backend;
mod error;
mod front_end;
mod keys;
mod purge;
mod targets;

pub use backend::{BackendCache, CacheScope, Keys, clear_backend, count_backend};
pub use error::CacheError;
pub use front_end::{FrontEnd, Login, find_zone, hosts, is_below, login, zone_variable};
pub use purge::{Ending, Purged, STEP, purge};
pub use targets::{Targets, Work};
