//! Writes an archive: header, table of contents and data blocks, in the version, number sizes and
//! compression that a header names.
//!
//! Only the buffer of one chunk is held in memory. The positions of the blocks are known only after
//! the blocks are written. If the output can seek, [`ArchiveWriter::finish_with_offsets`] writes
//! them into the table of contents afterwards, as pg_dump does for a file. Otherwise
//! [`ArchiveWriter::finish`] leaves them unknown, as pg_dump does for a pipe.

mod contents;
mod encoder;
mod error;

use std::collections::HashMap;
use std::io::{Seek, SeekFrom, Write};

use super::header::Header;
use super::primitives::{put_int, put_offset};
use super::reader::{LARGE_OBJECTS_BLOCK, TABLE_BLOCK};
use super::table_data::END_MARKER;
use super::toc_entry::{DumpId, OffsetState, TocEntry};

pub use error::WriteError;

use contents::Contents;
use encoder::Encoder;

pub struct ArchiveWriter<W: Write> {
    output: W,
    header: Header,
    /// Bytes written so far.
    position: u64,
    blocks: HashMap<DumpId, BlockPlace>,
    current: Current,
    /// Framed bytes that are not written yet.
    framed: Vec<u8>,
}

/// A block's place in the table of contents, and in the output once it is written.
struct BlockPlace {
    name: String,
    large_objects: bool,
    has_end_marker: bool,
    offset_field: u64,
    written_at: Option<u64>,
}

/// What is being written.
enum Current {
    /// A block or the end comes next.
    Nothing,
    Rows {
        encoder: Encoder,
        has_end_marker: bool,
    },
    RawRows,
    /// Between large objects.
    Objects,
    Object(Encoder),
    RawObject,
}

/// The header and the table of contents, as at the beginning of an archive.
pub(super) fn contents_bytes(header: &Header, entries: &[TocEntry]) -> Vec<u8> {
    Contents::new(header, entries).bytes
}

impl<W: Write> ArchiveWriter<W> {
    /// Writes the header and the table of contents. Positions in `entries` belong to another file
    /// and are ignored.
    pub fn create(output: W, header: &Header, entries: &[TocEntry]) -> Result<Self, WriteError> {
        let contents = Contents::new(header, entries);
        let mut writer = ArchiveWriter {
            output,
            header: header.clone(),
            position: 0,
            blocks: HashMap::new(),
            current: Current::Nothing,
            framed: contents.bytes,
        };
        for (entry, offset_field) in entries.iter().zip(contents.offset_fields) {
            if entry.has_data {
                let place = BlockPlace {
                    name: entry.describe(),
                    large_objects: entry.is_large_objects(),
                    has_end_marker: entry.copy_statement.is_some(),
                    offset_field,
                    written_at: None,
                };
                writer.blocks.insert(entry.id, place);
            }
        }
        writer.flush_framed()?;
        Ok(writer)
    }

    /// Bytes written so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Starts the block of a table, whose rows the writer compresses.
    pub fn begin_rows(&mut self, id: DumpId) -> Result<(), WriteError> {
        let has_end_marker = self.begin_block(id, false)?;
        let encoder = Encoder::new(self.header.compression, self.header.sizes(), true);
        self.current = Current::Rows { encoder, has_end_marker };
        Ok(())
    }

    /// Adds complete rows.
    pub fn rows(&mut self, rows: &[u8]) -> Result<(), WriteError> {
        let Current::Rows { encoder, .. } = &mut self.current else {
            return Err(WriteError::Misplaced { what: "rows" });
        };
        encoder.write(rows, &mut self.framed)?;
        self.flush_framed()
    }

    /// Ends the block of a table, with the marker that shows readers a complete table.
    pub fn end_rows(&mut self) -> Result<(), WriteError> {
        let Current::Rows { mut encoder, has_end_marker } = self.take_current() else {
            return Err(WriteError::Misplaced { what: "the end of rows" });
        };
        if has_end_marker {
            encoder.write_whole(END_MARKER, &mut self.framed)?;
        }
        encoder.finish(&mut self.framed)?;
        self.flush_framed()
    }

    /// Starts the block of a table whose bytes are already compressed and framed, as from
    /// [`super::TableBlock::take_recorded`].
    pub fn begin_raw_rows(&mut self, id: DumpId) -> Result<(), WriteError> {
        self.begin_block(id, false)?;
        self.current = Current::RawRows;
        Ok(())
    }

    /// Adds compressed and framed bytes of a table or a large object, in any portions.
    pub fn raw(&mut self, framed: &[u8]) -> Result<(), WriteError> {
        match self.current {
            Current::RawRows | Current::RawObject => self.put(framed),
            _ => Err(WriteError::Misplaced { what: "raw chunks" }),
        }
    }

    /// Ends the block of a table after all its raw bytes, including their end, were added.
    pub fn end_raw_rows(&mut self) -> Result<(), WriteError> {
        match self.take_current() {
            Current::RawRows => Ok(()),
            _ => Err(WriteError::Misplaced { what: "the end of raw rows" }),
        }
    }

    /// Starts a block of large objects.
    pub fn begin_objects(&mut self, id: DumpId) -> Result<(), WriteError> {
        self.begin_block(id, true)?;
        self.current = Current::Objects;
        Ok(())
    }

    /// Starts a large object, whose bytes the writer compresses.
    pub fn begin_object(&mut self, oid: u32) -> Result<(), WriteError> {
        self.object_header(oid)?;
        let encoder = Encoder::new(self.header.compression, self.header.sizes(), false);
        self.current = Current::Object(encoder);
        Ok(())
    }

    pub fn object_bytes(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let Current::Object(encoder) = &mut self.current else {
            return Err(WriteError::Misplaced { what: "bytes of a large object" });
        };
        encoder.write(bytes, &mut self.framed)?;
        self.flush_framed()
    }

    /// Starts a large object whose bytes are added compressed and framed, with
    /// [`ArchiveWriter::raw`].
    pub fn begin_raw_object(&mut self, oid: u32) -> Result<(), WriteError> {
        self.object_header(oid)?;
        self.current = Current::RawObject;
        Ok(())
    }

    pub fn end_object(&mut self) -> Result<(), WriteError> {
        match self.take_current() {
            Current::Object(encoder) => encoder.finish(&mut self.framed)?,
            Current::RawObject => {}
            _ => return Err(WriteError::Misplaced { what: "the end of a large object" }),
        }
        self.current = Current::Objects;
        self.flush_framed()
    }

    pub fn end_objects(&mut self) -> Result<(), WriteError> {
        let Current::Objects = self.take_current() else {
            return Err(WriteError::Misplaced { what: "the end of large objects" });
        };
        put_int(&mut self.framed, self.header.sizes(), 0);
        self.flush_framed()
    }

    /// Ends the archive. Returns the flushed output.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.check_complete()?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn begin_block(&mut self, id: DumpId, large_objects: bool) -> Result<bool, WriteError> {
        let Current::Nothing = self.current else {
            return Err(WriteError::Misplaced { what: "a block" });
        };
        let place = self
            .blocks
            .get_mut(&id)
            .filter(|place| place.large_objects == large_objects)
            .ok_or(WriteError::UnknownBlock { id })?;
        if place.written_at.replace(self.position).is_some() {
            return Err(WriteError::SecondBlock { entry: place.name.clone() });
        }
        let has_end_marker = place.has_end_marker;
        self.framed.push(if large_objects { LARGE_OBJECTS_BLOCK } else { TABLE_BLOCK });
        put_int(&mut self.framed, self.header.sizes(), id.0);
        self.flush_framed()?;
        Ok(has_end_marker)
    }

    fn object_header(&mut self, oid: u32) -> Result<(), WriteError> {
        let Current::Objects = self.current else {
            return Err(WriteError::Misplaced { what: "a large object" });
        };
        // Through C's signed int, as pg_dump does.
        put_int(&mut self.framed, self.header.sizes(), oid.cast_signed());
        self.flush_framed()
    }

    fn check_complete(&self) -> Result<(), WriteError> {
        let Current::Nothing = self.current else {
            return Err(WriteError::Misplaced { what: "the archive's end" });
        };
        match self.blocks.values().find(|place| place.written_at.is_none()) {
            Some(place) => Err(WriteError::MissingBlock { entry: place.name.clone() }),
            None => Ok(()),
        }
    }

    fn take_current(&mut self) -> Current {
        std::mem::replace(&mut self.current, Current::Nothing)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.output.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn flush_framed(&mut self) -> Result<(), WriteError> {
        self.output.write_all(&self.framed)?;
        self.position += self.framed.len() as u64;
        self.framed.clear();
        Ok(())
    }
}

impl<W: Write + Seek> ArchiveWriter<W> {
    /// Ends the archive and writes the positions of the blocks into its table of contents.
    /// pg_restore then finds blocks without a search, and knows their sizes in a parallel restore.
    pub fn finish_with_offsets(mut self) -> Result<W, WriteError> {
        self.check_complete()?;
        let mut places: Vec<(u64, u64)> = self
            .blocks
            .values()
            .filter_map(|place| Some((place.offset_field, place.written_at?)))
            .collect();
        places.sort_unstable();
        for (field, position) in places {
            let mut bytes = Vec::new();
            put_offset(&mut bytes, self.header.sizes(), OffsetState::Known(position));
            self.output.seek(SeekFrom::Start(field))?;
            self.output.write_all(&bytes)?;
        }
        self.output.seek(SeekFrom::End(0))?;
        self.output.flush()?;
        Ok(self.output)
    }
}
