//! Reads the framing of compressed data: chunks of any length, ended by a zero int.
//!
//! A compressed stream spans chunks, and their borders have no meaning. Lengths are not trusted: a
//! chunk is passed on in the pieces in which it arrives.

#![expect(
    clippy::indexing_slicing,
    reason = "each range of a buffer ends where a read or a search has ended"
)]

use std::io::Read;

use super::error::{ArchiveError, Place};
use super::input::Input;
use super::primitives::{Sizes, put_int, read_int};

/// Compressed bytes of one stream, piece by piece.
pub(super) trait ChunkSource {
    /// The next piece. It is empty only at the stream's end.
    fn fill(&mut self) -> Result<&[u8], ArchiveError>;

    /// Marks the first `count` bytes of the piece as read.
    fn consume(&mut self, count: usize);

    fn place(&self) -> Place;

    /// Records that the stream is damaged, so that no later read counts as a success.
    fn give_up(&mut self);
}

impl<S: ChunkSource> ChunkSource for &mut S {
    fn fill(&mut self) -> Result<&[u8], ArchiveError> {
        (**self).fill()
    }

    fn consume(&mut self, count: usize) {
        (**self).consume(count);
    }

    fn place(&self) -> Place {
        (**self).place()
    }

    fn give_up(&mut self) {
        (**self).give_up();
    }
}

/// Chunks with their framing, as in an archive.
pub(super) struct FramedChunks<R> {
    pub(super) input: Input<R>,
    sizes: Sizes,
    /// Bytes left of the current chunk.
    remaining: usize,
    /// Whether the zero int has been read.
    ended: bool,
    /// Whether a stream was damaged.
    pub(super) gave_up: bool,
    /// The bytes read from the streams, including framing, if recording is on.
    recording: Option<Vec<u8>>,
}

impl<R: Read> FramedChunks<R> {
    pub(super) fn new(input: Input<R>, sizes: Sizes) -> Self {
        FramedChunks { input, sizes, remaining: 0, ended: true, gave_up: false, recording: None }
    }

    /// Starts a stream: the next bytes of the input are its first chunk.
    pub(super) fn begin(&mut self) {
        self.remaining = 0;
        self.ended = false;
    }

    /// Keeps the bytes of streams from now on for [`FramedChunks::take_recorded`].
    pub(super) fn start_recording(&mut self) {
        self.recording = Some(Vec::new());
    }

    pub(super) fn stop_recording(&mut self) {
        self.recording = None;
    }

    /// Appends the bytes recorded since the last call to `out`: lengths and bodies of chunks, and
    /// the final zero once the stream has ended.
    pub(super) fn take_recorded(&mut self, out: &mut Vec<u8>) {
        if let Some(recording) = &mut self.recording {
            out.append(recording);
        }
    }

    /// Skips to the stream's end without decompressing.
    pub(super) fn skip_rest(&mut self) -> Result<(), ArchiveError> {
        loop {
            let count = self.fill()?.len();
            if count == 0 {
                return Ok(());
            }
            self.consume(count);
        }
    }
}

impl<R: Read> ChunkSource for FramedChunks<R> {
    fn fill(&mut self) -> Result<&[u8], ArchiveError> {
        if self.ended {
            return Ok(&[]);
        }
        if self.remaining == 0 {
            let length = read_int(&mut self.input, self.sizes, "a chunk's length")?;
            self.remaining = usize::try_from(length)
                .map_err(|_| self.input.corrupt(format!("a chunk of {length} bytes")))?;
            if let Some(recording) = &mut self.recording {
                put_int(recording, self.sizes, length);
            }
            if self.remaining == 0 {
                self.ended = true;
                return Ok(&[]);
            }
        }
        if self.input.fill()?.is_empty() {
            return Err(self.input.truncated("the rest of a chunk"));
        }
        let piece = self.input.fill()?;
        Ok(&piece[..piece.len().min(self.remaining)])
    }

    fn consume(&mut self, count: usize) {
        let count = count.min(self.remaining);
        if let Some(recording) = &mut self.recording {
            let at_hand = self.input.at_hand();
            recording.extend_from_slice(&at_hand[..count.min(at_hand.len())]);
        }
        self.input.consume(count);
        self.remaining -= count;
    }

    fn place(&self) -> Place {
        self.input.place()
    }

    fn give_up(&mut self) {
        self.gave_up = true;
    }
}

/// The joined bodies of one stream's chunks. The stream ends with the input.
pub(super) struct RawChunks<R> {
    input: Input<R>,
}

impl<R: Read> RawChunks<R> {
    pub(super) fn new(input: Input<R>) -> Self {
        RawChunks { input }
    }
}

impl<R: Read> ChunkSource for RawChunks<R> {
    fn fill(&mut self) -> Result<&[u8], ArchiveError> {
        self.input.fill()
    }

    fn consume(&mut self, count: usize) {
        self.input.consume(count);
    }

    fn place(&self) -> Place {
        self.input.place()
    }

    fn give_up(&mut self) {}
}
