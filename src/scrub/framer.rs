//! Cuts a table's stream of COPY text at line ends, however it is divided into portions.

use crate::schema::TableName;

/// Rows are read and passed on in portions of about this size.
pub const BATCH: usize = 256 << 10;

/// Longer rows are refused, so a bomb's single endless row cannot fill the memory. The server does
/// not accept a longer line of COPY text either: PostgreSQL's limit is 1 GB for a field and for a
/// message, so pg_dump cannot have read such a row.
const LONGEST_ROW: usize = 1 << 30;

/// Why a table's stream cannot be cut into rows.
#[derive(Debug, thiserror::Error)]
pub enum FramingError {
    #[error("cannot read the rows of {table}: a row is longer than {limit} bytes")]
    RowTooLong { table: TableName, limit: usize },
    #[error("cannot read the rows of {table}: the last row has no end")]
    UnfinishedRow { table: TableName },
}

/// Collects bytes until they hold complete rows. A row may be longer than any portion.
pub struct Framer<'a> {
    table: &'a TableName,
    buffer: Vec<u8>,
    searched: usize,
}

impl<'a> Framer<'a> {
    pub fn new(table: &'a TableName) -> Self {
        Framer { table, buffer: Vec::with_capacity(2 * BATCH), searched: 0 }
    }

    /// The buffer to which the next portion is appended.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Takes the complete rows out of the buffer, if there are any.
    pub fn complete_rows(&mut self) -> Result<Option<Vec<u8>>, FramingError> {
        let new = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(at) = memchr::memrchr(b'\n', new) else {
            self.searched = self.buffer.len();
            if self.searched > LONGEST_ROW {
                let table = self.table.clone();
                return Err(FramingError::RowTooLong { table, limit: LONGEST_ROW });
            }
            return Ok(None);
        };
        let end = self.searched + at + 1;
        let mut rest = Vec::with_capacity((self.buffer.len() - end).max(2 * BATCH));
        rest.extend_from_slice(self.buffer.get(end..).unwrap_or_default());
        self.buffer.truncate(end);
        self.searched = rest.len();
        Ok(Some(std::mem::replace(&mut self.buffer, rest)))
    }

    /// Checks, at the end of the stream, that no part of a row is left.
    pub fn check_empty(&self) -> Result<(), FramingError> {
        if self.buffer.is_empty() {
            Ok(())
        } else {
            Err(FramingError::UnfinishedRow { table: self.table.clone() })
        }
    }
}
