//! Reads and writes pg_dump's archives, in every format except plain SQL: header, table of contents
//! (TOC), data blocks, and the schema that the SQL in the TOC describes.

mod chunks;
mod column_values;
mod copy_statement;
mod decoder;
mod error;
pub mod formats;
mod header;
mod inflate;
mod input;
mod large_objects;
pub mod not_null;
mod primitives;
mod reader;
mod schema;
mod search_path;
mod sql;
mod table_data;
#[cfg(test)]
pub(crate) mod tests;
mod toc;
mod toc_entry;
pub mod virtual_columns;
mod writer;

pub use column_values::ColumnValues;
pub use copy_statement::CopyStatement;
pub use error::{ArchiveError, Place};
pub use header::{Compression, CreationTime, Header};
pub use large_objects::LargeObjectsBlock;
pub use reader::{ArchiveReader, Block};
pub use schema::{check_of, mentioned_columns, read_schema};
pub use search_path::database_search_paths;
pub use table_data::{DetachedTableData, TableBlock};
pub use toc::Toc;
pub use toc_entry::{DumpId, OffsetState, Section, TocEntry};
pub use writer::{ArchiveWriter, WriteError};
