//! Arbitrary bytes as a dyno's log: the lines are the same however the bytes are divided, and a log
//! that is read a second time says nothing new.

use bcops::adapters::heroku::{DynoLine, DynoLogReader};

const DYNO: &str = "run.7";

/// Longer lines are thrown away, and where depends on how the bytes came.
const LONGEST: usize = 60_000;

fn lines(reader: &mut DynoLogReader, bytes: &[u8], portion: usize) -> Vec<DynoLine> {
    bytes.chunks(portion).flat_map(|piece| reader.pass(piece)).collect()
}

pub fn run(bytes: &[u8]) {
    let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
    let mut reader = DynoLogReader::new(DYNO);
    let whole = lines(&mut reader, bytes, bytes.len().max(1));
    let portion = usize::from(bytes.first().copied().unwrap_or(1)) % 23 + 1;
    assert_eq!(whole, lines(&mut DynoLogReader::new(DYNO), bytes, portion));
    // An event that was cut off has an id that the same event brings again.
    reader.restart();
    assert_eq!(lines(&mut reader, bytes, portion), []);
}
