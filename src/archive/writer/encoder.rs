//! Compresses one stream and cuts it into chunks as pg_dump does: 4 KiB of zlib, a block of lz4 or
//! zstd, and without compression one row, or 16 KiB of a large object.
//!
//! Versions that do not store a level were mostly written at the algorithm's default, so the
//! encoder uses the default.

use std::io::Write;

use flate2::{Compress, FlushCompress, Status};
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use zstd::stream::raw::{Encoder as ZstdEncoder, InBuffer, Operation, OutBuffer};

use super::error::WriteError;
use crate::archive::header::Compression;
use crate::archive::primitives::{Sizes, put_int};

const ZLIB_CHUNK: usize = 4096;
const OBJECT_CHUNK: usize = 16 << 10;
/// Roughly the largest chunk that pg_dump makes of lz4 and zstd.
const BLOCK_CHUNK: usize = 128 << 10;
/// More than one step of a compressor needs, so a second step is rarely necessary.
const ROOM: usize = 64 << 10;
/// Zero means zstd's default.
const ZSTD_LEVEL: i32 = 0;

pub(super) struct Encoder {
    codec: Codec,
    sizes: Sizes,
    /// Compressed bytes that do not fill a chunk yet.
    compressed: Vec<u8>,
}

enum Codec {
    /// `rows`: whether each chunk is one row.
    Plain {
        rows: bool,
    },
    Zlib(Compress),
    /// pg_dump starts these streams with the first bytes, so an empty large object has no stream.
    Lz4(Option<Box<FrameEncoder<Vec<u8>>>>),
    Zstd(Option<ZstdEncoder<'static>>),
}

impl Encoder {
    pub(super) fn new(compression: Compression, sizes: Sizes, rows: bool) -> Self {
        let codec = match compression {
            Compression::None => Codec::Plain { rows },
            Compression::Gzip { level } => Codec::Zlib(Compress::new(zlib_level(level), true)),
            Compression::Lz4 => Codec::Lz4(None),
            Compression::Zstd => Codec::Zstd(None),
        };
        Encoder { codec, sizes, compressed: Vec::new() }
    }

    /// Compresses `bytes` and appends full chunks to `framed`.
    pub(super) fn write(&mut self, bytes: &[u8], framed: &mut Vec<u8>) -> Result<(), WriteError> {
        if bytes.is_empty() {
            return Ok(());
        }
        match &mut self.codec {
            Codec::Plain { rows: true } => {
                for row in rows_of(bytes) {
                    put_chunk(row, self.sizes, framed);
                }
                return Ok(());
            }
            Codec::Plain { rows: false } => {
                for piece in bytes.chunks(OBJECT_CHUNK) {
                    put_chunk(piece, self.sizes, framed);
                }
                return Ok(());
            }
            Codec::Zlib(state) => deflate(state, bytes, &mut self.compressed)?,
            Codec::Lz4(state) => {
                let encoder = state.get_or_insert_with(new_lz4);
                encoder.write_all(bytes)?;
                self.compressed.append(encoder.get_mut());
            }
            Codec::Zstd(state) => {
                let encoder = match state {
                    Some(encoder) => encoder,
                    none => none.insert(ZstdEncoder::new(ZSTD_LEVEL)?),
                };
                compress_zstd(encoder, bytes, &mut self.compressed)?;
            }
        }
        self.put_full_chunks(framed);
        Ok(())
    }

    /// As [`Encoder::write`], for bytes that are one chunk even if they have several lines.
    pub(super) fn write_whole(
        &mut self,
        bytes: &[u8],
        framed: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        if let Codec::Plain { .. } = self.codec {
            put_chunk(bytes, self.sizes, framed);
            return Ok(());
        }
        self.write(bytes, framed)
    }

    /// Ends the stream and its chunks.
    pub(super) fn finish(mut self, framed: &mut Vec<u8>) -> Result<(), WriteError> {
        match &mut self.codec {
            Codec::Plain { .. } | Codec::Lz4(None) | Codec::Zstd(None) => {}
            Codec::Zlib(state) => finish_zlib(state, &mut self.compressed)?,
            Codec::Lz4(Some(encoder)) => {
                encoder.try_finish().map_err(|error| WriteError::Compression(Box::new(error)))?;
                self.compressed.append(encoder.get_mut());
            }
            Codec::Zstd(Some(encoder)) => finish_zstd(encoder, &mut self.compressed)?,
        }
        self.put_full_chunks(framed);
        if !self.compressed.is_empty() {
            put_chunk(&self.compressed, self.sizes, framed);
        }
        put_int(framed, self.sizes, 0);
        Ok(())
    }

    fn put_full_chunks(&mut self, framed: &mut Vec<u8>) {
        let size = match self.codec {
            Codec::Zlib(_) => ZLIB_CHUNK,
            _ => BLOCK_CHUNK,
        };
        let mut chunks = self.compressed.chunks_exact(size);
        for chunk in &mut chunks {
            put_chunk(chunk, self.sizes, framed);
        }
        let used = self.compressed.len() - chunks.remainder().len();
        self.compressed.drain(..used);
    }
}

fn zlib_level(level: Option<i32>) -> flate2::Compression {
    match level.and_then(|level| u32::try_from(level).ok()) {
        Some(level) => flate2::Compression::new(level.min(9)),
        None => flate2::Compression::default(),
    }
}

/// Uses pg_dump's settings: linked blocks of 64 KiB.
fn new_lz4() -> Box<FrameEncoder<Vec<u8>>> {
    let info = FrameInfo::new().block_mode(BlockMode::Linked).block_size(BlockSize::Max64KB);
    Box::new(FrameEncoder::with_frame_info(info, Vec::new()))
}

/// Splits the bytes after each newline.
fn rows_of(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (row, after) = rest.split_at(length);
        rest = after;
        Some(row)
    })
}

/// Appends a chunk. Its length must fit an int, which every buffer here does.
fn put_chunk(chunk: &[u8], sizes: Sizes, framed: &mut Vec<u8>) {
    for piece in chunk.chunks(i32::MAX as usize) {
        put_int(framed, sizes, piece.len() as i32);
        framed.extend_from_slice(piece);
    }
}

fn deflate(state: &mut Compress, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), WriteError> {
    let start = state.total_in();
    loop {
        let done = (state.total_in() - start) as usize;
        let rest = bytes.get(done..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
        out.reserve(ROOM);
        state
            .compress_vec(rest, out, FlushCompress::None)
            .map_err(|error| WriteError::Compression(Box::new(error)))?;
    }
}

fn finish_zlib(state: &mut Compress, out: &mut Vec<u8>) -> Result<(), WriteError> {
    loop {
        out.reserve(ROOM);
        let status = state
            .compress_vec(&[], out, FlushCompress::Finish)
            .map_err(|error| WriteError::Compression(Box::new(error)))?;
        if status == Status::StreamEnd {
            return Ok(());
        }
    }
}

fn compress_zstd(
    encoder: &mut ZstdEncoder<'static>,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), WriteError> {
    let mut input = InBuffer::around(bytes);
    while input.pos() < bytes.len() {
        with_room(out, |room| encoder.run(&mut input, room).map(|_| ()))?;
    }
    Ok(())
}

fn finish_zstd(encoder: &mut ZstdEncoder<'static>, out: &mut Vec<u8>) -> Result<(), WriteError> {
    loop {
        let mut left = 0;
        with_room(out, |room| {
            left = encoder.finish(room, true)?;
            Ok(())
        })?;
        if left == 0 {
            return Ok(());
        }
    }
}

/// Lets `step` write into new space at the end of `out`, and removes the unused space.
fn with_room(
    out: &mut Vec<u8>,
    step: impl FnOnce(&mut OutBuffer<'_, [u8]>) -> std::io::Result<()>,
) -> Result<(), WriteError> {
    let start = out.len();
    out.resize(start + ROOM, 0);
    let mut room = OutBuffer::around(out.get_mut(start..).unwrap_or_default());
    let result = step(&mut room);
    let written = room.pos();
    out.truncate(start + written);
    Ok(result?)
}
