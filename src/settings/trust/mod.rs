//! Decides what a found `bcops.toml`, which the user did not name, may set.
//!
//! Such a file comes with a clone: anyone who can push to the repository, or put a file above the
//! working directory, can write it. Without trust it may set only the harmless keys. With trust, a
//! record of its digest under the user's configuration home, it may set everything except the
//! addresses of `addresses`.

mod addresses;
mod candidate;
mod store;

pub use candidate::{Candidate, NamedFile, Standing};
pub use store::{Record, Store, StoreError};

#[cfg(test)]
mod tests;
