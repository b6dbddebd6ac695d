//! Finds encoded single words: hexadecimal digits, and base64 too short to be recognised by its
//! first bytes.

use super::base64;
use super::escapes::hex_pair;

/// Six bytes, as `a@b.cd` has.
const SHORTEST_HEX: usize = 12;

/// The lengths of base64 that are searched here. Longer base64 is recognised by its beginning.
const SHORT_BASE64: std::ops::Range<usize> = 8..16;

/// What a word may hold.
pub enum Word {
    /// Bytes that were written as hexadecimal digits.
    Hex(Vec<u8>),
    /// A short text in base64. Counts only if the whole text is one value.
    Short(Vec<u8>),
}

/// Calls `found` with what the words of the text hold.
pub fn each(text: &[u8], mut found: impl FnMut(Word)) {
    let is_part =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let mut start = 0;
    while start < text.len() {
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| !is_part(*byte)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        // The letter of an escape (`\\n`) is not part of the following word.
        let escaped = start.checked_sub(1).and_then(|index| text.get(index)) == Some(&b'\\');
        let letter = matches!(word.first(), Some(b'n' | b't' | b'r' | b'b' | b'f' | b'v'));
        let word = if escaped && letter { word.get(1..).unwrap_or_default() } else { word };
        if word.len() >= SHORTEST_HEX {
            for part in word.split(|byte| !byte.is_ascii_alphanumeric()) {
                if let Some(bytes) = from_hex(part) {
                    found(Word::Hex(bytes));
                }
            }
        }
        if SHORT_BASE64.contains(&word.len())
            && let Some(bytes) = base64::decode(word)
            && bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
        {
            found(Word::Short(bytes));
        }
        start += length + 1;
    }
}

fn from_hex(word: &[u8]) -> Option<Vec<u8>> {
    let word = word.strip_prefix(b"0x").unwrap_or(word);
    // Longer bytes as the server writes them are found by their backslash.
    let word = word.strip_prefix(b"x").filter(|digits| digits.len() < 24).unwrap_or(word);
    let (pairs, rest) = word.as_chunks::<2>();
    if word.len() < SHORTEST_HEX || !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| hex_pair(*high, *low)).collect()
}
