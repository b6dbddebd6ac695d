//! Reads an archive from any stream, in one pass, without seeking and with bounded memory.
//!
//! The format has no trailer and no checksum of the whole, so a download that was cut off between
//! two blocks looks complete. So the reader counts blocks: each TOC entry that announces data must
//! appear exactly once before the end is accepted.

use std::io::Read;
use std::sync::Arc;

use super::chunks::FramedChunks;
use super::error::ArchiveError;
use super::header::{Format, Header};
use super::input::Input;
use super::large_objects::{self, LargeObjectsBlock, Progress};
use super::primitives::{Budget, read_byte, read_int};
use super::table_data::TableBlock;
use super::toc::Toc;
use super::toc_entry::DumpId;

/// Limits the memory of the header and the table of contents. The site's table of contents has 0.6
/// MB.
pub(super) const MAXIMUM_TOC_BYTES: u64 = 128 << 20;

pub(super) const TABLE_BLOCK: u8 = 1;
pub(super) const LARGE_OBJECTS_BLOCK: u8 = 3;

pub struct ArchiveReader<R> {
    header: Header,
    toc: Arc<Toc>,
    chunks: FramedChunks<R>,
    /// Whether the block of each entry was read, by the entry's index.
    seen: Vec<bool>,
    current: Current,
    /// How far a block of large objects was read.
    objects: Progress,
}

/// The kind of block that the reader is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Current {
    None,
    Table,
    LargeObjects,
    /// After an error, the start of the next block is unknown.
    Lost,
}

/// A data block. It borrows the reader, so drop it before reading the next block. Its unread rest
/// is then skipped.
pub enum Block<'a, R: Read> {
    Table(TableBlock<'a, R>),
    LargeObjects(LargeObjectsBlock<'a, R>),
}

impl<R: Read> ArchiveReader<R> {
    /// Reads the header and the table of contents.
    pub fn open(source: R) -> Result<Self, ArchiveError> {
        let mut input = Input::new(source, 0, "the header");
        let mut budget = Budget::new(MAXIMUM_TOC_BYTES);
        let header = Header::read(&mut input, &mut budget, Format::Custom)?;
        let toc = Toc::read(&mut input, &header, &mut budget, Format::Custom)?;
        let seen = vec![false; toc.entries().len()];
        let chunks = FramedChunks::new(input, header.sizes());
        Ok(ArchiveReader {
            header,
            toc: Arc::new(toc),
            chunks,
            seen,
            current: Current::None,
            objects: Progress::Ended,
        })
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    pub fn toc(&self) -> &Arc<Toc> {
        &self.toc
    }

    /// How many bytes of the archive were used. The source may have been read further, by one
    /// buffer.
    pub fn position(&self) -> u64 {
        self.chunks.input.position()
    }

    /// The next data block. `None` only if the archive ends here and every announced block was
    /// read.
    pub fn next_block(&mut self) -> Result<Option<Block<'_, R>>, ArchiveError> {
        self.finish_current()?;
        self.chunks.input.enter("the space between blocks");
        if self.chunks.input.fill()?.is_empty() {
            return self.check_all_seen().map(|()| None);
        }
        // An error before the block's start is read leaves the reader lost.
        self.current = Current::Lost;
        let kind = read_byte(&mut self.chunks.input, "a block's type")?;
        let id = read_int(&mut self.chunks.input, self.header.sizes(), "a block's dump id")?;
        let index = self.claim(DumpId(id), kind)?;
        let Some(entry) = self.toc.entries().get(index) else {
            return Err(self.chunks.input.corrupt(format!("a block with the unknown id {id}")));
        };
        self.chunks.input.enter(format!("the data of {}", entry.describe()));
        if entry.is_large_objects() {
            self.current = Current::LargeObjects;
            self.objects = Progress::BetweenObjects;
            let (chunks, progress) = (&mut self.chunks, &mut self.objects);
            let block = LargeObjectsBlock::new(&self.header, entry, chunks, progress);
            return Ok(Some(Block::LargeObjects(block)));
        }
        self.current = Current::Table;
        self.chunks.begin();
        let block = TableBlock::new(&self.header, entry, &mut self.chunks)?;
        Ok(Some(Block::Table(block)))
    }

    /// Skips the unread rest of the previous block.
    fn finish_current(&mut self) -> Result<(), ArchiveError> {
        if self.chunks.gave_up {
            let reason = "an earlier block was damaged, so nothing more is read";
            return Err(self.chunks.input.corrupt(reason));
        }
        match self.current {
            Current::None => {}
            Current::Table => self.chunks.skip_rest()?,
            Current::LargeObjects => {
                large_objects::skip_rest(&mut self.chunks, self.header.sizes(), &mut self.objects)?
            }
            Current::Lost => {
                let reason = "after an earlier error, the start of the next block is unknown";
                return Err(self.chunks.input.corrupt(reason));
            }
        }
        self.chunks.stop_recording();
        self.current = Current::None;
        Ok(())
    }

    /// Finds the entry of a block, and refuses a block that does not fit its entry.
    fn claim(&mut self, id: DumpId, kind: u8) -> Result<usize, ArchiveError> {
        let input = &self.chunks.input;
        let found = self.toc.index_of(id).and_then(|index| {
            let entry = self.toc.entries().get(index)?;
            self.seen.get_mut(index).map(|seen| (index, entry, seen))
        });
        let Some((index, entry, seen)) = found else {
            return Err(input.corrupt(format!("a block has the dump id {id}, which no entry has")));
        };
        let refuse = |what: &str| Err(input.corrupt(format!("{} {what}", entry.describe())));
        let expected = if entry.is_large_objects() { LARGE_OBJECTS_BLOCK } else { TABLE_BLOCK };
        if !entry.has_data {
            return refuse("has a block, but its TOC entry announces none");
        }
        if kind != expected {
            return refuse(&format!("has a block of the type {kind}, not {expected}"));
        }
        if std::mem::replace(seen, true) {
            return refuse("has two blocks");
        }
        Ok(index)
    }

    fn check_all_seen(&self) -> Result<(), ArchiveError> {
        let missing: Vec<String> = self
            .toc
            .entries()
            .iter()
            .zip(&self.seen)
            .filter(|(entry, seen)| entry.has_data && !**seen)
            .map(|(entry, _)| entry.describe())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(ArchiveError::MissingBlocks { offset: self.position(), missing })
    }
}
