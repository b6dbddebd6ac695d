//! Reads the rows of one table: decompressed COPY text without the end marker.
//!
//! pg_dump ends COPY data with a line `\.` and two empty lines. The reader verifies and removes
//! this ending, so it returns only rows, and notices a table that was cut off.

#![expect(
    clippy::indexing_slicing,
    reason = "each range of a buffer ends where a read or a search has ended"
)]

use std::io::Read;

use super::chunks::{ChunkSource, FramedChunks, RawChunks};
use super::decoder::Decoder;
use super::error::ArchiveError;
use super::header::Header;
use super::input::Input;
use super::toc_entry::TocEntry;

pub(super) const END_MARKER: &[u8] = b"\\.\n\n\n";

/// Decompressed rows of one table.
struct Rows<S: ChunkSource> {
    decoder: Decoder<S>,
    /// The last bytes read, up to the length of the end marker, because they may be the marker.
    held: Vec<u8>,
    /// The byte before the held ones.
    before_held: u8,
    /// INSERT statements have no end marker.
    has_end_marker: bool,
    ended: bool,
}

impl<S: ChunkSource> Rows<S> {
    fn new(decoder: Decoder<S>, entry: &TocEntry) -> Self {
        let has_end_marker = entry.copy_statement.is_some();
        Rows { decoder, held: Vec::new(), before_held: b'\n', has_end_marker, ended: false }
    }

    fn read_into(&mut self, out: &mut Vec<u8>, at_most: usize) -> Result<usize, ArchiveError> {
        if self.ended {
            return Ok(0);
        }
        let start = out.len();
        let result = match self.has_end_marker {
            true => self.read_rows(out, at_most.max(1)),
            false => self.decoder.read_into(out, at_most.max(1)).map(|count| {
                self.ended = count == 0;
            }),
        };
        match result {
            Ok(()) => Ok(out.len() - start),
            Err(error) => {
                out.truncate(start);
                self.decoder.source_mut().give_up();
                Err(error)
            }
        }
    }

    fn read_rows(&mut self, out: &mut Vec<u8>, at_most: usize) -> Result<(), ArchiveError> {
        let start = out.len();
        out.append(&mut self.held);
        let wanted = at_most.saturating_add(END_MARKER.len()) - (out.len() - start);
        let read = self.decoder.read_into(out, wanted)?;
        let seen = out.len() - start;
        let keep = start + seen.saturating_sub(END_MARKER.len());
        self.held.extend_from_slice(&out[keep..]);
        out.truncate(keep);
        if let Some(&last) = out[start..].last() {
            self.before_held = last;
        }
        if read < wanted {
            if self.held != END_MARKER || self.before_held != b'\n' {
                return Err(ArchiveError::Corrupt {
                    place: self.decoder.source().place(),
                    reason: "the rows do not end with the end marker".to_owned(),
                });
            }
            self.ended = true;
        }
        Ok(())
    }
}

/// The block with a table's rows. Its unread rest is skipped.
pub struct TableBlock<'a, R: Read> {
    entry: &'a TocEntry,
    payload_position: u64,
    rows: Rows<&'a mut FramedChunks<R>>,
}

impl<'a, R: Read> TableBlock<'a, R> {
    pub(super) fn new(
        header: &Header,
        entry: &'a TocEntry,
        chunks: &'a mut FramedChunks<R>,
    ) -> Result<Self, ArchiveError> {
        let payload_position = chunks.input.position();
        let decoder = Decoder::new(header.compression, chunks)?;
        Ok(TableBlock { entry, payload_position, rows: Rows::new(decoder, entry) })
    }

    pub fn entry(&self) -> &'a TocEntry {
        self.entry
    }

    /// The offset in the archive of the block's first chunk.
    pub fn payload_position(&self) -> u64 {
        self.payload_position
    }

    /// The offset in the archive up to which the block was read.
    pub fn position(&self) -> u64 {
        self.rows.decoder.source().input.position()
    }

    /// Appends up to `at_most` bytes of COPY data to `out` (0 counts as 1). Returns how many; 0
    /// means that all rows were read and the block is complete. Portions may end within a row.
    /// After an error `out` is unchanged.
    pub fn read_into(&mut self, out: &mut Vec<u8>, at_most: usize) -> Result<usize, ArchiveError> {
        self.rows.read_into(out, at_most)
    }

    /// Keeps the bytes from now on, still compressed and framed, for [`TableBlock::take_recorded`].
    pub fn record(&mut self) {
        self.rows.decoder.source_mut().start_recording();
    }

    /// Appends the bytes read since the last call to `out`. After [`TableBlock::read_into`] has
    /// returned 0, they end with the block. The decoder may have read further than it has decoded.
    pub fn take_recorded(&mut self, out: &mut Vec<u8>) {
        self.rows.decoder.source_mut().take_recorded(out);
    }

    /// Passes on the whole block, still compressed and framed, in any portions.
    /// [`DetachedTableData::from_archive`] reads it.
    pub fn copy_framed(
        self,
        consume: &mut dyn FnMut(&[u8]) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let chunks = self.rows.decoder.into_source();
        chunks.start_recording();
        let mut framed = Vec::new();
        loop {
            let count = chunks.fill()?.len();
            chunks.consume(count);
            chunks.take_recorded(&mut framed);
            consume(&framed)?;
            framed.clear();
            if count == 0 {
                return Ok(());
            }
        }
    }

    /// Skips to the block's end without decompressing.
    pub fn skip(self) -> Result<(), ArchiveError> {
        self.rows.decoder.into_source().skip_rest()
    }

    /// Passes on the bodies of the chunks, still compressed, in any portions.
    /// [`DetachedTableData::from_raw_chunks`] reads them.
    pub fn copy_raw(
        self,
        consume: &mut dyn FnMut(&[u8]) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let chunks = self.rows.decoder.into_source();
        loop {
            let piece = chunks.fill()?;
            if piece.is_empty() {
                return Ok(());
            }
            consume(piece)?;
            let count = piece.len();
            chunks.consume(count);
        }
    }
}

/// The rows of one table that are read a second time, apart from the archive's stream.
pub struct DetachedTableData<R: Read> {
    rows: DetachedRows<R>,
}

enum DetachedRows<R: Read> {
    Archive(Rows<FramedChunks<R>>),
    Raw(Rows<RawChunks<R>>),
}

impl<R: Read> DetachedTableData<R> {
    /// `source` gives the archive's bytes from `payload_position`, the block's first chunk. It may
    /// continue after the block.
    pub fn from_archive(
        header: &Header,
        entry: &TocEntry,
        payload_position: u64,
        source: R,
    ) -> Result<Self, ArchiveError> {
        let part = format!("the data of {}", entry.describe());
        let input = Input::new(source, payload_position, part);
        let mut chunks = FramedChunks::new(input, header.sizes());
        chunks.begin();
        let decoder = Decoder::new(header.compression, chunks)?;
        Ok(DetachedTableData { rows: DetachedRows::Archive(Rows::new(decoder, entry)) })
    }

    /// `source` gives exactly the bytes that [`TableBlock::copy_raw`] passed on.
    pub fn from_raw_chunks(
        header: &Header,
        entry: &TocEntry,
        source: R,
    ) -> Result<Self, ArchiveError> {
        let part = format!("the kept data of {}", entry.describe());
        let decoder =
            Decoder::new(header.compression, RawChunks::new(Input::new(source, 0, part)))?;
        Ok(DetachedTableData { rows: DetachedRows::Raw(Rows::new(decoder, entry)) })
    }

    /// As [`TableBlock::record`]. Raw chunks have no framing any more, so nothing is recorded for
    /// them.
    pub fn record(&mut self) {
        if let DetachedRows::Archive(rows) = &mut self.rows {
            rows.decoder.source_mut().start_recording();
        }
    }

    /// As [`TableBlock::take_recorded`].
    pub fn take_recorded(&mut self, out: &mut Vec<u8>) {
        if let DetachedRows::Archive(rows) = &mut self.rows {
            rows.decoder.source_mut().take_recorded(out);
        }
    }

    /// As [`TableBlock::read_into`].
    pub fn read_into(&mut self, out: &mut Vec<u8>, at_most: usize) -> Result<usize, ArchiveError> {
        match &mut self.rows {
            DetachedRows::Archive(rows) => rows.read_into(out, at_most),
            DetachedRows::Raw(rows) => rows.read_into(out, at_most),
        }
    }
}
