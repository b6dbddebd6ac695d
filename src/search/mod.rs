//! The site's search: how its cluster is, whether its indices hold what the database holds, and
//! building them anew.
//!
//! Wagtail's `update_index` deletes an index, makes it again and fills it. One failed request leaves
//! it empty or half full, and the command may still end well. So what counts is the number of
//! documents afterwards, against the number of rows.

mod compare;
mod error;
mod look;
mod output;
mod plans;
mod reindex;
mod rows;
mod status;

pub use compare::{Counts, Difference, compare};
pub use error::SearchError;
pub use look::{IndexStatus, Role};
pub use plans::{ShardLimit, shard_limit};
pub use reindex::{Counted, Reindexed, Remaining, Site, reindex, remaining};
pub use status::{Status, status};
