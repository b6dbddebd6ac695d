//! Holds raw chunks back until the audit has passed everything that they decompress to.
//!
//! A decoder reads ahead of its output. But it reads more only when all it had read before is in
//! its output, or will be in the portion that it is making. So the bytes of one step are safe once
//! the audit has passed the rows of the next step that read anything.

use std::collections::VecDeque;

/// A table's end marker, which the reader reads ahead of the rows.
const LOOKED_AHEAD: u64 = 8;

#[derive(Default)]
pub(super) struct AuditedChunks {
    /// Chunks, and how many bytes the audit must have passed before they may be written.
    waiting: VecDeque<(Vec<u8>, Option<u64>)>,
    decoded: u64,
    audited: u64,
}

impl AuditedChunks {
    /// Records a step of the decoder: the bytes it read, and how many it put out.
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

    /// Records that the audit has passed `count` more bytes.
    pub(super) fn audited(&mut self, count: usize) {
        self.audited += count as u64;
    }

    /// The next chunks that may be written.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        let (_, condition) = self.waiting.front()?;
        condition.filter(|needed| *needed <= self.audited)?;
        self.waiting.pop_front().map(|(chunks, _)| chunks)
    }

    /// The remaining chunks, for when the audit has passed all rows.
    pub(super) fn rest(self) -> impl Iterator<Item = Vec<u8>> {
        self.waiting.into_iter().map(|(chunks, _)| chunks)
    }
}
