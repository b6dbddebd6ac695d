//! Reads arbitrary bytes as an archive, in every way that the reader offers. Nothing may panic, hang or
//! take more memory than the input justifies.

use bcops::archive::{
    ArchiveError, ArchiveReader, Block, CopyStatement, DetachedTableData, read_schema,
};

/// A small input can be a huge table: the loader limits decompression bombs.
const ENOUGH: usize = 1 << 20;

pub fn run(bytes: &[u8]) {
    // Errors are fine here.
    let _ = read(bytes);
}

fn read(bytes: &[u8]) -> Result<(), ArchiveError> {
    let mut reader = ArchiveReader::open(bytes)?;
    let (header, toc) = (reader.header().clone(), reader.toc().clone());
    for entry in toc.entries() {
        if let Ok(Some(statement)) = CopyStatement::of(entry) {
            assert!(!statement.to_sql().is_empty());
        }
    }
    let _ = read_schema(&toc);
    let mut turn = bytes.len();
    let mut out = Vec::new();
    while let Some(block) = reader.next_block()? {
        turn += 1;
        out.clear();
        match block {
            Block::Table(block) if turn.is_multiple_of(4) => block.skip()?,
            Block::Table(block) if turn % 4 == 1 => {
                let (entry, position) = (block.entry(), block.payload_position());
                let mut raw = Vec::new();
                block.copy_raw(&mut |piece| {
                    raw.extend_from_slice(piece);
                    Ok(())
                })?;
                let mut first = DetachedTableData::from_raw_chunks(&header, entry, &raw[..])?;
                let there = bytes.get(position as usize..).unwrap_or_default();
                let mut second = DetachedTableData::from_archive(&header, entry, position, there)?;
                let mut again = Vec::new();
                let first = read_some(&mut out, |out| first.read_into(out, 1000));
                let second = read_some(&mut again, |out| second.read_into(out, 777));
                // Within the limit both ways give the same rows.
                if first.is_ok() && second.is_ok() && out.len().max(again.len()) < ENOUGH {
                    assert_eq!(out, again);
                }
            }
            Block::Table(mut block) => read_some(&mut out, |out| block.read_into(out, 4096))?,
            Block::LargeObjects(mut block) => {
                while block.next_object()?.is_some() {
                    read_some(&mut out, |out| block.read_into(out, 4096))?;
                }
            }
        }
    }
    assert_eq!(reader.position(), bytes.len() as u64);
    Ok(())
}

fn read_some(
    out: &mut Vec<u8>,
    mut read: impl FnMut(&mut Vec<u8>) -> Result<usize, ArchiveError>,
) -> Result<(), ArchiveError> {
    while out.len() < ENOUGH {
        let before = out.len();
        match read(out) {
            Ok(0) => return Ok(()),
            Ok(count) => assert_eq!(out.len(), before + count),
            Err(error) => {
                assert_eq!(out.len(), before);
                return Err(error);
            }
        }
    }
    Ok(())
}
