//! Decides what a `bcops.toml` that was found, and not named, may set.
//!
//! Such a file comes with a clone: whoever can push to the repository, or put a file above the
//! working directory, writes it. Without trust it may set the harmless keys of the list of settings
//! and nothing else. With trust, which is a record of its digest under the user's configuration home,
//! it may set everything but the addresses of `addresses`.

mod addresses;
mod candidate;
mod store;

pub use candidate::{Candidate, NamedFile, Standing};
pub use store::{Record, Store, StoreError};

#[cfg(test)]
mod tests;
