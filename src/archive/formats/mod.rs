//! Converts every format of pg_dump, except plain SQL, to the bytes of a custom archive.
//!
//! A tar file and a directory hold the same data as a custom archive, in separate files: `toc.dat`,
//! and one file for each table's rows and each large object. `Assembled` converts them to the bytes
//! of an uncompressed custom archive. The same input always gives the same bytes, so positions stay
//! valid for a second read.

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
    /// Whether they were assembled here. Their rows are then not compressed.
    pub assembled: bool,
}
