//! Cuts a table's stream of COPY text at line ends, whatever portions it comes in.

use crate::schema::TableName;

/// Rows are read and handed on in portions of about this size.
pub const BATCH: usize = 256 << 10;

/// Longer rows are refused. The server reads no longer line of COPY text either, and PostgreSQL's
/// own limit is 1 GB for a field and for a message, so pg_dump could not have read such a row. A
/// bomb's single endless row must not fill the memory.
const LONGEST_ROW: usize = 1 << 30;

/// Why a table's rows have no usable borders.
#[derive(Debug, thiserror::Error)]
pub enum FramingError {
    #[error("a row of {table} is longer than {limit} bytes")]
    RowTooLong { table: TableName, limit: usize },
    #[error("the last row of {table} has no end")]
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

    /// Where the next portion is appended.
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

    /// To be asked at the end of the stream.
    pub fn check_empty(&self) -> Result<(), FramingError> {
        if self.buffer.is_empty() {
            Ok(())
        } else {
            Err(FramingError::UnfinishedRow { table: self.table.clone() })
        }
    }
}
