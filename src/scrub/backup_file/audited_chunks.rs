//! Holds raw chunks back until all that they decompress to has been audited.
//!
//! A decoder reads ahead of what it has given out. But it asks for more only when what it had has
//! gone into its output, or will within the portion that it is making. So the bytes that were read
//! in one step are through when the rows of the next step that read any have been audited.

use std::collections::VecDeque;

/// A table's end marker, which the reader looks at ahead of the rows.
const LOOKED_AHEAD: u64 = 8;

#[derive(Default)]
pub(super) struct AuditedChunks {
    /// Chunks, and how much must have been audited before they may go.
    waiting: VecDeque<(Vec<u8>, Option<u64>)>,
    decoded: u64,
    audited: u64,
}

impl AuditedChunks {
    /// Notes a step of the decoder: what it read, and how much it gave.
    pub(super) fn step(&mut self, read: Vec<u8>, gave: usize) {
        self.decoded += gave as u64;
        if read.is_empty() {
            return;
        }
        for (_, condition) in self.waiting.iter_mut().rev() {
            if condition.is_some() {
                break;
            }
            *condition = Some(self.decoded + LOOKED_AHEAD);
        }
        self.waiting.push_back((read, None));
    }

    /// Notes that so many further bytes were audited.
    pub(super) fn audited(&mut self, count: usize) {
        self.audited += count as u64;
    }

    /// The next chunks that may go.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        let (_, condition) = self.waiting.front()?;
        condition.filter(|needed| *needed <= self.audited)?;
        self.waiting.pop_front().map(|(chunks, _)| chunks)
    }

    /// Everything that is left, for when all rows have been audited.
    pub(super) fn rest(self) -> impl Iterator<Item = Vec<u8>> {
        self.waiting.into_iter().map(|(chunks, _)| chunks)
    }
}
