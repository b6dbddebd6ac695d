//! The caches of an environment: Cloudflare before the site, and Django's own behind it.
//!
//! `purge-cache` and the runbook share this: it asks nobody, prints nothing, and leaves the
//! comparison with protected environments to the guards of the commands. What it does itself:
//! Django's cache can only be cleared where [`crate::settings::Destination`] allows it.

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
