//! Reads arbitrary bytes as a dyno's log. The lines are the same however the bytes are divided, and
//! reading the log a second time gives no new line.

use bcops::adapters::heroku::{DynoLine, DynoLogReader};

const DYNO: &str = "run.7";

/// Longer lines are dropped, at a place that depends on the division of the bytes.
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
    // The same event comes again, with the same id, after it was cut off.
    reader.restart();
    assert_eq!(lines(&mut reader, bytes, portion), []);
}
