//! Lists why an archive cannot be written.

use crate::archive::DumpId;

#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("cannot write the archive")]
    Io(#[from] std::io::Error),

    #[error("cannot compress the rows")]
    Compression(#[source] Box<dyn std::error::Error + Send + Sync>),

    #[error("cannot write a second block for {entry}")]
    SecondBlock { entry: String },

    #[error("cannot finish the archive: {entry} has no block")]
    MissingBlock { entry: String },

    #[error("cannot start a block for the dump id {id}: its entry announces no block of this kind")]
    UnknownBlock { id: DumpId },

    #[error("cannot write {what} at this place of the archive")]
    Misplaced { what: &'static str },
}
