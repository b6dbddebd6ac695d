//! Checks the site's search cluster, compares its indices with the database, and rebuilds them.
//!
//! Wagtail's `update_index` deletes an index, creates it again and fills it, or fills a second index
//! beside it (`naming.rs`). One failed request can leave an index empty or incomplete while the
//! command still succeeds. So bcops compares the number of documents with the number of rows
//! afterwards.

mod compare;
mod error;
mod judge;
mod left_over;
mod look;
mod naming;
mod output;
mod plans;
mod reindex;
mod rows;
mod status;

pub use compare::{Counts, Difference, compare};
pub use error::SearchError;
pub use judge::{IndexStatus, LeftOver, Role};
pub use plans::{ShardLimit, shard_limit};
pub use reindex::{Counted, Reindexed, Remaining, Site, reindex, remaining};
pub use status::{Status, status};
