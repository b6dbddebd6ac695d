//! Decompresses zlib streams (RFC 1950), the form of gzip compression in an archive.

#![expect(
    clippy::indexing_slicing,
    reason = "each range of a buffer ends where a read or a search has ended"
)]

use flate2::{Decompress, DecompressError, FlushDecompress, Status};

use super::chunks::ChunkSource;
use super::decoder::damaged;
use super::error::ArchiveError;

/// How many compressed bytes are collected before they are inflated. pg_dump's chunks have 4 kB,
/// and inflating them one by one was measured to be a fifth slower. Copying them is cheap, because
/// they are much smaller than the output.
const STAGE_SIZE: usize = 64 * 1024;

pub(super) struct Inflate {
    state: Decompress,
    staged: Vec<u8>,
    /// How much of `staged` has been inflated.
    used: usize,
    /// Whether the stream has ended with a correct checksum.
    finished: bool,
}

impl Inflate {
    pub(super) fn new() -> Self {
        Inflate { state: Decompress::new(true), staged: Vec::new(), used: 0, finished: false }
    }

    /// Appends up to `wanted` bytes to `out`. Returns `true` at the verified end of the stream.
    pub(super) fn step<S: ChunkSource>(
        &mut self,
        source: &mut S,
        out: &mut Vec<u8>,
        wanted: usize,
    ) -> Result<bool, ArchiveError> {
        if self.used == self.staged.len() {
            self.stage(source)?;
        }
        let input = self.staged.get(self.used..).unwrap_or_default();
        if self.finished {
            return match input.is_empty() {
                true => Ok(true),
                false => Err(damaged(source, "more bytes follow after the end of the stream")),
            };
        }
        let (read_before, length) = (self.state.total_in(), out.len());
        let result = inflate_append(&mut self.state, input, out, wanted);
        let read = (self.state.total_in() - read_before) as usize;
        let cut_short = input.is_empty();
        self.used += read;
        match result {
            Ok(Status::StreamEnd) => self.finished = true,
            Ok(_) if read == 0 && out.len() == length => {
                let reason = if cut_short {
                    "the stream ends too \
                     early"
                } else {
                    "the stream does not continue"
                };
                return Err(damaged(source, reason));
            }
            Ok(_) => {}
            Err(error) => return Err(damaged(source, error)),
        }
        Ok(false)
    }

    /// Collects compressed bytes from the source until there are enough or the source ends.
    fn stage<S: ChunkSource>(&mut self, source: &mut S) -> Result<(), ArchiveError> {
        self.staged.clear();
        self.used = 0;
        while self.staged.len() < STAGE_SIZE {
            let piece = source.fill()?;
            let count = piece.len().min(STAGE_SIZE - self.staged.len());
            if count == 0 {
                return Ok(());
            }
            self.staged.extend_from_slice(&piece[..count]);
            source.consume(count);
        }
        Ok(())
    }
}

/// Inflates directly into the vector's spare capacity, at most `wanted` bytes.
fn inflate_append(
    state: &mut Decompress,
    input: &[u8],
    out: &mut Vec<u8>,
    wanted: usize,
) -> Result<Status, DecompressError> {
    out.reserve(wanted);
    let length = out.len();
    let spare = &mut out.spare_capacity_mut()[..wanted];
    let written_before = state.total_out();
    let result = state.decompress_uninit(input, spare, FlushDecompress::None);
    let written = ((state.total_out() - written_before) as usize).min(wanted);
    // SAFETY: `decompress_uninit` has just initialised the first `written` bytes of the spare
    // capacity. Zeroing the capacity first would be a second pass over all output.
    unsafe { out.set_len(length + written) };
    result
}
