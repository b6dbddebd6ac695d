//! Decompresses one stream: a table's rows or one large object.
//!
//! gzip in an archive is a zlib stream (RFC 1950), whose Adler-32 is verified. lz4 is the LZ4 frame
//! format. zstd is one frame with a window of up to 128 MiB. A stream must end exactly where its
//! chunks end; anything else is damage.

#![expect(
    clippy::indexing_slicing,
    reason = "each range of a buffer ends where a read or a search has ended"
)]

use std::io::{self, BufRead, Read};

use lz4_flex::frame::FrameDecoder;
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, InBuffer, Operation, OutBuffer};

use super::chunks::ChunkSource;
use super::error::ArchiveError;
use super::header::Compression;
use super::inflate::Inflate;

/// pg_dump's `zstd:long` uses windows of 128 MiB.
const ZSTD_WINDOW_LOG: u32 = 27;

/// The most bytes that one step requests, so that a caller may request everything at once.
const STEP: usize = 1 << 20;

/// The output buffer of zstd is zeroed first, so its size is limited to what a small piece of input
/// can fill.
const ZSTD_STEP: usize = 64 * 1024;

/// Decompresses the chunks of `S`.
pub(super) struct Decoder<S: ChunkSource> {
    codec: Codec<S>,
    /// Whether output has been requested. It serves to recognise a stream without chunks.
    started: bool,
    ended: bool,
}

enum Codec<S: ChunkSource> {
    Plain(S),
    Zlib { source: S, inflate: Inflate },
    Zstd { source: S, decoder: ZstdDecoder<'static>, finished: bool },
    // The frame decoder reads its own input, so it owns the source.
    Lz4(Box<FrameDecoder<ChunkRead<S>>>),
}

impl<S: ChunkSource> Decoder<S> {
    pub(super) fn new(compression: Compression, source: S) -> Result<Self, ArchiveError> {
        let codec = match compression {
            Compression::None => Codec::Plain(source),
            Compression::Gzip { .. } => Codec::Zlib { source, inflate: Inflate::new() },
            Compression::Lz4 => {
                let reader = ChunkRead { source, exhausted: false };
                Codec::Lz4(Box::new(FrameDecoder::new(reader)))
            }
            Compression::Zstd => {
                let decoder = new_zstd().map_err(|error| damaged(&source, error))?;
                Codec::Zstd { source, decoder, finished: false }
            }
        };
        Ok(Decoder { codec, started: false, ended: false })
    }

    /// Appends up to `at_most` bytes to `out`, fewer only if the stream ends. Returns 0 if the
    /// stream has ended and is complete.
    pub(super) fn read_into(
        &mut self,
        out: &mut Vec<u8>,
        at_most: usize,
    ) -> Result<usize, ArchiveError> {
        if !self.started {
            self.started = true;
            self.ended = self.is_bare()?;
        }
        let start = out.len();
        while !self.ended && out.len() - start < at_most {
            let wanted = (at_most - (out.len() - start)).min(STEP);
            self.ended = match &mut self.codec {
                Codec::Plain(source) => copy(source, out, wanted)?,
                Codec::Zlib { source, inflate } => inflate.step(source, out, wanted)?,
                Codec::Zstd { source, decoder, finished } => {
                    zstd_step(source, decoder, finished, out, wanted)?
                }
                Codec::Lz4(decoder) => lz4_step(decoder, out, wanted)?,
            };
        }
        Ok(out.len() - start)
    }

    pub(super) fn source(&self) -> &S {
        match &self.codec {
            Codec::Plain(source) | Codec::Zlib { source, .. } | Codec::Zstd { source, .. } => {
                source
            }
            Codec::Lz4(decoder) => &decoder.get_ref().source,
        }
    }

    pub(super) fn source_mut(&mut self) -> &mut S {
        match &mut self.codec {
            Codec::Plain(source) | Codec::Zlib { source, .. } | Codec::Zstd { source, .. } => {
                source
            }
            Codec::Lz4(decoder) => &mut decoder.get_mut().source,
        }
    }

    pub(super) fn into_source(self) -> S {
        match self.codec {
            Codec::Plain(source) | Codec::Zlib { source, .. } | Codec::Zstd { source, .. } => {
                source
            }
            Codec::Lz4(decoder) => decoder.into_inner().source,
        }
    }

    /// Whether the stream has no chunk: pg_dump's lz4 and zstd write nothing for an empty large
    /// object.
    fn is_bare(&mut self) -> Result<bool, ArchiveError> {
        let lazy = matches!(self.codec, Codec::Lz4(_) | Codec::Zstd { .. });
        Ok(lazy && self.source_mut().fill()?.is_empty())
    }
}

fn new_zstd() -> io::Result<ZstdDecoder<'static>> {
    let mut decoder = ZstdDecoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
    Ok(decoder)
}

fn copy<S: ChunkSource>(
    source: &mut S,
    out: &mut Vec<u8>,
    wanted: usize,
) -> Result<bool, ArchiveError> {
    let piece = source.fill()?;
    let count = piece.len().min(wanted);
    out.extend_from_slice(&piece[..count]);
    source.consume(count);
    Ok(count == 0)
}

fn zstd_step<S: ChunkSource>(
    source: &mut S,
    decoder: &mut ZstdDecoder<'static>,
    finished: &mut bool,
    out: &mut Vec<u8>,
    wanted: usize,
) -> Result<bool, ArchiveError> {
    if *finished {
        return at_end(source);
    }
    let piece = source.fill()?;
    let at_end = piece.is_empty();
    let start = out.len();
    out.resize(start + wanted.min(ZSTD_STEP), 0);
    let mut input = InBuffer::around(piece);
    let mut output = OutBuffer::around(&mut out[start..]);
    let result = decoder.run(&mut input, &mut output);
    let (read, written) = (input.pos(), output.pos());
    out.truncate(start + written);
    source.consume(read);
    let expected = result.map_err(|error| damaged(source, error))?;
    *finished = expected == 0;
    if at_end && !*finished && written == 0 {
        return Err(damaged(source, "the stream ends too early"));
    }
    Ok(false)
}

fn lz4_step<S: ChunkSource>(
    decoder: &mut FrameDecoder<ChunkRead<S>>,
    out: &mut Vec<u8>,
    wanted: usize,
) -> Result<bool, ArchiveError> {
    let piece = match decoder.fill_buf() {
        Ok(piece) => piece,
        Err(error) => {
            return Err(match error.downcast::<ArchiveError>() {
                Ok(error) => error,
                Err(error) => damaged(&decoder.get_ref().source, error),
            });
        }
    };
    let count = piece.len().min(wanted);
    out.extend_from_slice(&piece[..count]);
    decoder.consume(count);
    if count > 0 {
        return Ok(false);
    }
    // The frame decoder does not report an end of its input within a frame.
    let reader = decoder.get_mut();
    if reader.exhausted {
        return Err(damaged(&reader.source, "the stream ends too early"));
    }
    at_end(&mut reader.source)
}

/// Checks that the chunks end where the compressed stream has ended.
fn at_end<S: ChunkSource>(source: &mut S) -> Result<bool, ArchiveError> {
    match source.fill()?.is_empty() {
        true => Ok(true),
        false => Err(damaged(source, "more bytes follow after the end of the stream")),
    }
}

pub(super) fn damaged<S: ChunkSource>(
    source: &S,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ArchiveError {
    ArchiveError::Compressed { place: source.place(), source: cause.into() }
}

/// A chunk source as a plain reader. It records whether its end was reached.
struct ChunkRead<S> {
    source: S,
    exhausted: bool,
}

impl<S: ChunkSource> Read for ChunkRead<S> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if target.is_empty() {
            return Ok(0);
        }
        let piece = self.source.fill().map_err(io::Error::other)?;
        let count = piece.len().min(target.len());
        target[..count].copy_from_slice(&piece[..count]);
        self.source.consume(count);
        self.exhausted |= count == 0;
        Ok(count)
    }
}
