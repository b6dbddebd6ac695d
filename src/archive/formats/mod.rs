//! Every format of pg_dump but plain SQL, read as one: as the bytes of a custom archive.
//!
//! A tar file and a directory hold what a custom archive holds, in files of their own: `toc.dat`,
//! and one file for each table's rows and each large object. `Assembled` puts them together to
//! the bytes that pg_dump would have written in its custom format, uncompressed. The same input
//! always gives the same bytes, so that positions in them can be come back to.

mod assembled;
mod folder;
mod member;
mod recognise;
mod stored;
mod tar;
#[cfg(test)]
mod tests;
mod wrapping;

use std::io::Read;

pub use recognise::Found;
pub use stored::{StoredBackup, StoredReader};
pub use wrapping::convert;

use assembled::Assembled;

/// The bytes of a custom archive.
pub struct Converted {
    pub bytes: Box<dyn Read + Send>,
    /// They were put together here, so that their rows are not compressed.
    pub assembled: bool,
}
