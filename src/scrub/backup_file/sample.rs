//! Reads the first rows of every table of a backup, for drafting a manifest.

use std::io::Read;

use super::BackupFileError;
use crate::archive::{ArchiveReader, Block, CopyStatement};
use crate::scrub::tools::RowSamples;

/// Enough bytes of a table to hold its first rows.
const PORTION: usize = 64 << 10;

/// Reads the archive to its end, and of each table as many rows as are needed.
pub fn sample<R: Read>(mut reader: ArchiveReader<R>) -> Result<RowSamples, BackupFileError> {
    let mut samples = RowSamples::default();
    while let Some(block) = reader.next_block()? {
        let Block::Table(mut block) = block else { continue };
        let table = block.entry().table_name();
        let Some(copy) = CopyStatement::of(block.entry())? else { continue };
        let mut rows = Vec::new();
        while !samples.is_complete(&table) && block.read_into(&mut rows, PORTION)? > 0 {
            let Some(end) = memchr::memrchr(b'\n', &rows) else { continue };
            let rest = rows.split_off(end + 1);
            samples.take(&table, &copy.columns, &rows);
            rows = rest;
        }
    }
    Ok(samples)
}
