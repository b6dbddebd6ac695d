//! Loads a backup into a database that exists already. On Heroku this is the only way, because the
//! role cannot create or rename databases.
//!
//! The caller empties the database first (`Heroku::reset_database`). A load that stops early leaves
//! some rows, all scrubbed and audited. Only an empty database is loaded, so the next attempt must
//! empty it again. "Reset, then load" can therefore be repeated at any time with the same result.
//!
//! A caller works in this order, so that a manifest that does not fit stops before the reset:
//! [`OpenBackup::download`](super::OpenBackup::download),
//! [`Contents::read`](super::Contents::read), [`Prepared::scrubbed`](super::Prepared::scrubbed),
//! the reset, [`load`], and [`verify`] with a session of its own.

mod error;
mod load;
mod verify;

pub use super::empty::Found;
pub use super::row_counts::RowDifference;
pub use error::InPlaceError;
pub use load::{InPlaceOptions, Loaded, LoadedTable, Proof, contents, load};
pub use verify::{Verified, verify};

use crate::adapters::postgres::DatabaseUrl;

/// The name of the database and its server, for messages.
fn place(url: &DatabaseUrl) -> String {
    format!("the database {} on {}", url.database, url.place())
}
