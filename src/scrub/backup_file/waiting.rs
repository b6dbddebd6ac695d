//! Keeps blocks of a source that can be read only once, until the keys that one of them needs are
//! known.
//!
//! They stay compressed and in memory: nothing unscrubbed is written to disk.

use std::collections::{BTreeSet, VecDeque};
use std::io::Read;

use super::BackupFileError;
use crate::archive::{DumpId, TableBlock, Toc, TocEntry};
use crate::schema::TableName;
use crate::scrub::ScrubPlan;

/// The most bytes that wait in memory. On the council's site the needed tables are neighbours.
const LIMIT: usize = 64 << 20;

/// A table's block, unchanged.
pub(super) struct WaitingBlock {
    pub id: DumpId,
    pub table: TableName,
    /// Where its first chunk was in the archive.
    pub position: u64,
    pub framed: Vec<u8>,
}

#[derive(Default)]
pub(super) struct Waiting {
    pub blocks: VecDeque<WaitingBlock>,
    bytes: usize,
    /// Tables whose keys are needed and that are still to come.
    outstanding: BTreeSet<TableName>,
}

impl Waiting {
    pub(super) fn new(plan: &ScrubPlan, toc: &Toc) -> Self {
        let sought = plan.tables_sought_by_held();
        let outstanding = toc
            .table_data()
            .map(TocEntry::table_name)
            .filter(|table| sought.contains(table))
            .collect();
        Waiting { outstanding, ..Waiting::default() }
    }

    /// Whether blocks wait. If so, all blocks after them must wait as well.
    pub(super) fn has_begun(&self) -> bool {
        !self.blocks.is_empty()
    }

    pub(super) fn all_keys_have_come(&self) -> bool {
        self.outstanding.is_empty()
    }

    pub(super) fn came_by(&mut self, table: &TableName) {
        self.outstanding.remove(table);
    }

    /// Keeps a block.
    pub(super) fn add<R: Read>(&mut self, block: TableBlock<'_, R>) -> Result<(), BackupFileError> {
        let table = block.entry().table_name();
        let mut kept = WaitingBlock {
            id: block.entry().id,
            position: block.payload_position(),
            framed: Vec::new(),
            table,
        };
        let room = LIMIT.saturating_sub(self.bytes);
        let mut fits = true;
        block.copy_framed(&mut |piece| {
            fits &= kept.framed.len() + piece.len() <= room;
            if fits {
                kept.framed.extend_from_slice(piece);
            }
            Ok(())
        })?;
        if !fits {
            return Err(self.too_large(&kept.table));
        }
        self.bytes += kept.framed.len();
        self.came_by(&kept.table);
        self.blocks.push_back(kept);
        Ok(())
    }

    /// The error for too many bytes. It names the table that waits first.
    pub(super) fn too_large(&self, otherwise: &TableName) -> BackupFileError {
        let table = self.blocks.front().map_or(otherwise, |first| &first.table).to_string();
        BackupFileError::CannotLookBack { table, limit: LIMIT }
    }
}
