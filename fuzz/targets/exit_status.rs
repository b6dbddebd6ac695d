//! Reads arbitrary bytes as a one-off dyno's output over its rendezvous. The exit status and the output
//! are the same however the bytes are divided. Only the status line is removed.

use bcops::adapters::heroku::Sentinel;

/// The mark that the seeds use.
const WORD: &str = "0123456789abcdef";

fn passed(bytes: &[u8], portion: usize) -> (Vec<u8>, Option<u8>) {
    let mut sentinel = Sentinel::with_word(WORD);
    let mut own = Vec::new();
    for piece in bytes.chunks(portion) {
        own.extend(sentinel.pass(piece));
    }
    own.extend(sentinel.finish());
    (own, sentinel.status())
}

pub fn run(bytes: &[u8]) {
    let (own, status) = passed(bytes, bytes.len().max(1));
    let portion = usize::from(bytes.first().copied().unwrap_or(1)) % 23 + 1;
    assert_eq!((own.clone(), status), passed(bytes, portion));
    if status.is_none() {
        assert_eq!(own, bytes);
    } else {
        assert!(own.len() < bytes.len());
    }
}
