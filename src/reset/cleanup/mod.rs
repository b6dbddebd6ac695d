//! Makes the copy a staging site: its hosts, its caches and its search.

mod cache;
mod front_end_cache;
mod makemigrations;
mod search;
mod sites;

pub use cache::Cache;
pub use front_end_cache::{FrontEndCache, ID as FRONT_END_CACHE};
pub use makemigrations::Makemigrations;
pub use search::Search;
pub use sites::Sites;
