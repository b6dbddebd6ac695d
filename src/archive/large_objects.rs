//! Reads a block of large objects: the OID and bytes of each, ended by the OID zero.

use std::io::Read;

use super::chunks::{ChunkSource, FramedChunks};
use super::decoder::Decoder;
use super::error::ArchiveError;
use super::header::{Compression, Header};
use super::primitives::{Sizes, read_int};
use super::toc_entry::TocEntry;

/// How far the current block was read. It outlives [`LargeObjectsBlock`], so that the reader can
/// skip the rest of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    BetweenObjects,
    InObject,
    Ended,
}

pub struct LargeObjectsBlock<'a, R: Read> {
    entry: &'a TocEntry,
    compression: Compression,
    sizes: Sizes,
    progress: &'a mut Progress,
    state: State<&'a mut FramedChunks<R>>,
}

enum State<S: ChunkSource> {
    Between(S),
    Object(Decoder<S>),
    /// Only after an error.
    Lost,
}

impl<'a, R: Read> LargeObjectsBlock<'a, R> {
    pub(super) fn new(
        header: &Header,
        entry: &'a TocEntry,
        chunks: &'a mut FramedChunks<R>,
        progress: &'a mut Progress,
    ) -> Self {
        LargeObjectsBlock {
            entry,
            compression: header.compression,
            sizes: header.sizes(),
            progress,
            state: State::Between(chunks),
        }
    }

    pub fn entry(&self) -> &'a TocEntry {
        self.entry
    }

    /// Keeps the bytes of objects from now on, still compressed and framed, for
    /// [`LargeObjectsBlock::take_recorded`].
    pub fn record(&mut self) {
        if let Some(chunks) = self.chunks() {
            chunks.start_recording();
        }
    }

    /// Appends the bytes read since the last call to `out`. After [`LargeObjectsBlock::read_into`]
    /// has returned 0, they end with the object.
    pub fn take_recorded(&mut self, out: &mut Vec<u8>) {
        if let Some(chunks) = self.chunks() {
            chunks.take_recorded(out);
        }
    }

    fn chunks(&mut self) -> Option<&mut FramedChunks<R>> {
        match &mut self.state {
            State::Between(chunks) => Some(chunks),
            State::Object(decoder) => Some(decoder.source_mut()),
            State::Lost => None,
        }
    }

    /// Moves to the next object and returns its OID, or `None` at the block's end. Skips the unread
    /// rest of the previous object.
    pub fn next_object(&mut self) -> Result<Option<u32>, ArchiveError> {
        let chunks = match std::mem::replace(&mut self.state, State::Lost) {
            State::Between(chunks) => chunks,
            State::Object(decoder) => decoder.into_source(),
            State::Lost => {
                return Err(ArchiveError::Lost { entry: self.entry.describe() });
            }
        };
        let Some(oid) = next_oid(chunks, self.sizes, self.progress)? else {
            self.state = State::Between(chunks);
            return Ok(None);
        };
        self.state = State::Object(Decoder::new(self.compression, chunks)?);
        Ok(Some(oid))
    }

    /// Appends up to `at_most` bytes of the current object to `out` (0 counts as 1). Returns how
    /// many; 0 means that the object was read completely, or that there is no object.
    pub fn read_into(&mut self, out: &mut Vec<u8>, at_most: usize) -> Result<usize, ArchiveError> {
        match &mut self.state {
            State::Object(decoder) => {
                let start = out.len();
                let result = decoder.read_into(out, at_most.max(1));
                if result.is_err() {
                    out.truncate(start);
                    decoder.source_mut().give_up();
                }
                result
            }
            State::Between(_) | State::Lost => Ok(0),
        }
    }
}

/// Skips the rest of the block without decompressing it.
pub(super) fn skip_rest<R: Read>(
    chunks: &mut FramedChunks<R>,
    sizes: Sizes,
    progress: &mut Progress,
) -> Result<(), ArchiveError> {
    while next_oid(chunks, sizes, progress)?.is_some() {}
    Ok(())
}

fn next_oid<R: Read>(
    chunks: &mut FramedChunks<R>,
    sizes: Sizes,
    progress: &mut Progress,
) -> Result<Option<u32>, ArchiveError> {
    match progress {
        Progress::Ended => return Ok(None),
        Progress::InObject => chunks.skip_rest()?,
        Progress::BetweenObjects => {}
    }
    // pg_dump writes OIDs through C's signed int, so OIDs from 2^31 are negative.
    let oid = read_int(&mut chunks.input, sizes, "a large object's OID")?.cast_unsigned();
    if oid == 0 {
        *progress = Progress::Ended;
        return Ok(None);
    }
    chunks.begin();
    *progress = Progress::InObject;
    Ok(Some(oid))
}
