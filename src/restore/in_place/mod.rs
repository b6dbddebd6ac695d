//! Loads a backup into a database that is there: the one way where the role may neither create nor
//! rename databases, as on Heroku.
//!
//! The caller empties the database first (`Heroku::reset_database`). A load that does not come to
//! its end leaves it partly filled with rows that were scrubbed and audited; the next attempt has to
//! empty it again, as only an empty one is loaded into. So "reset, then load" can be repeated at
//! any time, and ends in the same place.
//!
//! Order of work for a caller, so that nothing is lost by a manifest that does not fit:
//! [`OpenBackup::download`](super::OpenBackup::download), [`Contents::read`](super::Contents::read),
//! [`Prepared::scrubbed`](super::Prepared::scrubbed), the reset, [`load`], and [`verify`] with a session of its own.

mod error;
mod load;
mod verify;

pub use super::empty::Found;
pub use super::row_counts::RowDifference;
pub use error::InPlaceError;
pub use load::{InPlaceOptions, Loaded, LoadedTable, Proof, contents, load};
pub use verify::{Verified, verify};

use crate::adapters::postgres::DatabaseUrl;

/// The name of the database and where it is, for messages.
fn place(url: &DatabaseUrl) -> String {
    format!("the database {} on {}", url.database, url.place())
}
