//! Reads bytes through a buffer and knows its position, for progress and for error messages.

#![expect(
    clippy::indexing_slicing,
    reason = "each range of a buffer ends where a read or a search has ended"
)]

use std::io::{self, Read};

use super::error::{ArchiveError, Place};

/// Large enough that system calls and network buffers do not slow skipping down.
const BUFFER_SIZE: usize = 256 * 1024;

/// The step in which bytes of an announced length are read. The length is not trusted before the
/// bytes arrive.
const READ_STEP: usize = 64 * 1024;

pub(super) struct Input<R> {
    inner: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    position: u64,
    part: String,
}

impl<R: Read> Input<R> {
    /// `position` is the offset in the archive of the first byte of `inner`.
    pub(super) fn new(inner: R, position: u64, part: impl Into<String>) -> Self {
        let buffer = vec![0; BUFFER_SIZE].into_boxed_slice();
        Input { inner, buffer, start: 0, end: 0, position, part: part.into() }
    }

    /// The offset in the archive of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Names the part of the archive that is read from now on.
    pub(super) fn enter(&mut self, part: impl Into<String>) {
        self.part = part.into();
    }

    pub(super) fn place(&self) -> Place {
        Place { offset: self.position, part: self.part.clone() }
    }

    pub(super) fn corrupt(&self, reason: impl Into<String>) -> ArchiveError {
        ArchiveError::Corrupt { place: self.place(), reason: reason.into() }
    }

    pub(super) fn truncated(&self, expected: &'static str) -> ArchiveError {
        ArchiveError::Truncated { place: self.place(), expected }
    }

    /// The buffered bytes, after reading more if there are none. Empty only at the end.
    pub(super) fn fill(&mut self) -> Result<&[u8], ArchiveError> {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            self.read_more()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// The bytes of the last [`Input::fill`] that are not consumed yet.
    pub(super) fn at_hand(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Marks the first `count` bytes of [`Input::fill`] as read.
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.position += count as u64;
    }

    /// Up to `count` bytes without consuming them, fewer only if the input ends before.
    pub(super) fn peek(&mut self, count: usize) -> Result<&[u8], ArchiveError> {
        let count = count.min(self.buffer.len());
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        while self.end < count && self.read_more()? > 0 {}
        Ok(&self.buffer[..self.end.min(count)])
    }

    /// Fills `target`, or fails with [`ArchiveError::Truncated`].
    pub(super) fn read_exact(
        &mut self,
        target: &mut [u8],
        expected: &'static str,
    ) -> Result<(), ArchiveError> {
        let mut filled = 0;
        while filled < target.len() {
            let available = self.fill()?;
            if available.is_empty() {
                return Err(self.truncated(expected));
            }
            let count = available.len().min(target.len() - filled);
            target[filled..filled + count].copy_from_slice(&available[..count]);
            self.consume(count);
            filled += count;
        }
        Ok(())
    }

    /// Reads `length` bytes. Memory grows only as bytes arrive.
    pub(super) fn read_bytes(
        &mut self,
        length: usize,
        expected: &'static str,
    ) -> Result<Vec<u8>, ArchiveError> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let filled = bytes.len();
            bytes.resize(filled + READ_STEP.min(length - filled), 0);
            self.read_exact(&mut bytes[filled..], expected)?;
        }
        Ok(bytes)
    }

    fn read_more(&mut self) -> Result<usize, ArchiveError> {
        loop {
            match self.inner.read(&mut self.buffer[self.end..]) {
                // A broken reader may report more bytes than fit. Do not trust the number.
                Ok(count) => {
                    let count = count.min(self.buffer.len() - self.end);
                    self.end += count;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A dump of several files has its own, more exact errors.
                Err(source) => {
                    return Err(match source.downcast::<ArchiveError>() {
                        Ok(error) => error,
                        Err(source) => ArchiveError::Read { place: self.place(), source },
                    });
                }
            }
        }
    }
}
