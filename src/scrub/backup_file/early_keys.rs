//! Reads the keys that early tables of the archive need from later ones, before rows are written.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use super::BackupFileError;
use super::source::Source;
use crate::archive::{ArchiveReader, Block, CopyStatement, DetachedTableData, Header, TocEntry};
use crate::schema::TableName;
use crate::scrub::{BATCH, Framer, KeySets, Rewriter, ScrubPlan};

/// Keys, and the tables whose keys are complete.
#[derive(Default)]
pub(super) struct EarlyKeys {
    pub keys: KeySets,
    pub collected: BTreeSet<TableName>,
    /// Whether no table has to wait for another.
    pub complete: bool,
}

/// Reads the needed tables from a file. Reads nothing from a source that can be read only once.
pub(super) fn collect(source: &Source, plan: &ScrubPlan) -> Result<EarlyKeys, BackupFileError> {
    let sought = plan.tables_sought_by_held();
    let mut early = EarlyKeys { complete: sought.is_empty(), ..EarlyKeys::default() };
    if early.complete {
        return Ok(early);
    }
    let read_again = |position| {
        let bytes = source.read_again(position).transpose();
        bytes.map_err(|source| BackupFileError::Read { source })
    };
    let Some(bytes) = read_again(0)? else { return Ok(early) };
    let mut reader = ArchiveReader::open(bytes)?;
    let (header, toc) = (reader.header().clone(), reader.toc().clone());
    let wanted: BTreeSet<TableName> =
        toc.table_data().map(TocEntry::table_name).filter(|table| sought.contains(table)).collect();
    let mut places = BTreeMap::new();
    while places.len() < wanted.len()
        && let Some(block) = reader.next_block()?
    {
        let Block::Table(block) = block else { continue };
        if wanted.contains(&block.entry().table_name()) {
            let place = (block.entry().id, block.payload_position());
            places.insert(block.entry().table_name(), place);
        }
    }
    for table in sought {
        let Some((id, position)) = places.get(table).copied() else { continue };
        let (Some(entry), Some(bytes)) = (toc.get(id), read_again(position)?) else {
            continue;
        };
        early.add(plan, &header, entry, position, bytes)?;
    }
    early.complete = true;
    Ok(early)
}

impl EarlyKeys {
    /// Reads one table's block for its keys. `position` is where its first chunk is in the archive.
    pub(super) fn add<R: Read>(
        &mut self,
        plan: &ScrubPlan,
        header: &Header,
        entry: &TocEntry,
        position: u64,
        bytes: R,
    ) -> Result<(), BackupFileError> {
        let table = entry.table_name();
        let Some(statement) = CopyStatement::of(entry)? else { return Ok(()) };
        let mut rows = DetachedTableData::from_archive(header, entry, position, bytes)?;
        let mut rewriter = Rewriter::new(plan, &table, &statement.columns, &self.keys)?;
        let mut framer = Framer::new(&table);
        let mut written = Vec::new();
        while rows.read_into(framer.buffer(), BATCH)? > 0 {
            if let Some(batch) = framer.complete_rows()? {
                rewriter.rewrite(&batch, &mut written)?;
                written.clear();
            }
        }
        framer.check_empty()?;
        rewriter.finish(&mut self.keys);
        self.collected.insert(table);
        Ok(())
    }
}
