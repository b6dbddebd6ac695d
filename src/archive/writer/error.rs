//! Why an archive cannot be written.

use crate::archive::DumpId;

#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("the archive could not be written")]
    Io(#[from] std::io::Error),

    #[error("the rows could not be compressed")]
    Compression(#[source] Box<dyn std::error::Error + Send + Sync>),

    #[error("{entry} would get two blocks")]
    SecondBlock { entry: String },

    #[error("{entry} got no block")]
    MissingBlock { entry: String },

    #[error("a block was begun for the dump id {id}, whose entry announces none of this kind")]
    UnknownBlock { id: DumpId },

    #[error("{what} cannot be written at this place of an archive")]
    Misplaced { what: &'static str },
}
