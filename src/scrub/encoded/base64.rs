//! Finds base64 in both alphabets, with and without padding, in one line or in many.
//!
//! Every long enough run of its digits is a candidate, wherever it is: a whole value, a string in
//! JSON, an element of an array, or between the dots and colons of a signed value. Words, paths and
//! hashes are candidates too. Their first six bytes sort them out.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::contents;

/// Twelve bytes: an address or a number is hardly ever shorter.
const SHORTEST: usize = 16;

/// Shorter lines are not lines of wrapped base64, which have 64 or 76 characters.
const SHORTEST_LINE: usize = 60;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD_ENGINE: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const URL_SAFE_ENGINE: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// The digits of both alphabets, as a table because most bytes of the data are looked up.
#[expect(clippy::indexing_slicing, reason = "the compiler itself looks at the bounds")]
const IS_DIGIT: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let character = byte as u8;
        table[byte] =
            character.is_ascii_alphanumeric() || matches!(character, b'+' | b'/' | b'-' | b'_');
        byte += 1;
    }
    table
};

fn is_digit(byte: u8) -> bool {
    IS_DIGIT.get(usize::from(byte)).copied().unwrap_or(false)
}

/// Calls `found` with every candidate in the text.
pub fn candidates(text: &[u8], mut found: impl FnMut(&[u8])) {
    // A long enough run covers one of any `SHORTEST` neighbouring positions, so most are not
    // checked.
    let mut position = SHORTEST - 1;
    let mut free_from = 0;
    while let Some(byte) = text.get(position) {
        if !is_digit(*byte) {
            position += SHORTEST;
            continue;
        }
        let before = text.get(free_from..position).unwrap_or_default();
        let start = free_from
            + before.iter().rposition(|byte| !is_digit(*byte)).map_or(0, |index| index + 1);
        let start = after_escape(text, start);
        let end = digits_end(text, position);
        if end.saturating_sub(start) >= SHORTEST {
            let (run, run_end) = with_further_lines(text, start, end);
            found(&run);
            free_from = run_end;
        } else {
            free_from = end;
        }
        position = free_from + SHORTEST;
    }
}

fn digits_end(text: &[u8], position: usize) -> usize {
    let rest = text.get(position..).unwrap_or_default();
    position + rest.iter().position(|byte| !is_digit(*byte)).unwrap_or(rest.len())
}

/// The start, after the letter of an escape (`\n`), which is not part of the run.
fn after_escape(text: &[u8], start: usize) -> usize {
    let escaped = start.checked_sub(1).and_then(|index| text.get(index)) == Some(&b'\\');
    let letter = matches!(text.get(start), Some(b'n' | b'r' | b't' | b'b' | b'f' | b'v'));
    if escaped && letter { start + 1 } else { start }
}

/// The candidate joined with its further lines, and where they end.
fn with_further_lines(text: &[u8], start: usize, end: usize) -> (Cow<'_, [u8]>, usize) {
    let first = text.get(start..end).unwrap_or_default();
    let (mut line, mut end) = (first.len(), end);
    let mut joined: Option<Vec<u8>> = None;
    while line >= SHORTEST_LINE && line.is_multiple_of(4) {
        let Some(next) = line_break_end(text, end) else { break };
        let next_end = digits_end(text, next);
        if next_end == next {
            break;
        }
        let more = text.get(next..next_end).unwrap_or_default();
        joined.get_or_insert_with(|| first.to_vec()).extend_from_slice(more);
        (line, end) = (more.len(), next_end);
    }
    (joined.map_or(Cow::Borrowed(first), Cow::Owned), end)
}

/// The end of a line feed, written as the byte itself or as its escape at any level.
fn line_break_end(text: &[u8], position: usize) -> Option<usize> {
    let mut position = position;
    if text.get(position) == Some(&b'\r') {
        position += 1;
    }
    if text.get(position) == Some(&b'\n') {
        return Some(position + 1);
    }
    let backslashes = text.get(position..)?.iter().take_while(|byte| **byte == b'\\').count();
    let letter = text.get(position + backslashes)?;
    (backslashes > 0 && *letter == b'n').then_some(position + backslashes + 1)
}

/// The bytes of a candidate, if they begin like something that can be decoded.
pub fn decode_promising(run: &[u8]) -> Option<Vec<u8>> {
    let beginning = first_six(run.first_chunk()?)?;
    if !contents::is_promising(&beginning) {
        return None;
    }
    engine(run)?.decode(run).ok()
}

/// The bytes of the first eight digits, in either alphabet.
fn first_six(digits: &[u8; 8]) -> Option<[u8; 6]> {
    let bits = digits.iter().fold(0_u64, |bits, digit| bits << 6 | u64::from(value(*digit)));
    bits.to_be_bytes().last_chunk().copied()
}

fn value(digit: u8) -> u8 {
    match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    }
}

/// The bytes of a text that must be base64, whatever they begin with.
pub fn decode(run: &[u8]) -> Option<Vec<u8>> {
    let mut run = Cow::Borrowed(run.trim_ascii());
    if run.iter().any(u8::is_ascii_whitespace) {
        run.to_mut().retain(|byte| !byte.is_ascii_whitespace());
    }
    engine(&run)?.decode(run.as_ref()).ok()
}

fn engine(run: &[u8]) -> Option<&'static GeneralPurpose> {
    let standard = memchr::memchr2(b'+', b'/', run).is_some();
    let url_safe = memchr::memchr2(b'-', b'_', run).is_some();
    match (standard, url_safe) {
        (true, true) => None,
        (_, false) => Some(&STANDARD_ENGINE),
        (false, true) => Some(&URL_SAFE_ENGINE),
    }
}

/// What can join candidates: the separators of a path and of a name. A character can be a separator
/// although it is a digit of one alphabet.
const BORDERS: [&[u8]; 5] = [b"/+", b"_-", b"_", b"-", b"/+_-"];

/// The parts of a path or of a joined name that are long enough to be candidates.
pub fn parts(run: &[u8]) -> Vec<&[u8]> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for borders in BORDERS {
        for part in run.split(|byte| borders.contains(byte)) {
            let is_new = || !parts.iter().any(|one| std::ptr::eq(*one, part));
            if part.len() >= SHORTEST && part.len() < run.len() && is_new() {
                parts.push(part);
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Vec<String> {
        let mut result = Vec::new();
        candidates(text.as_bytes(), |run| result.push(String::from_utf8(run.to_vec()).unwrap()));
        result
    }

    #[test]
    fn candidates_are_found_wherever_they_stand() {
        let run = "abcdefghijklmnop";
        for (before, after) in [
            ("", ""),
            ("x ", "="),
            (r#"{"a": ""#, r#""}"#),
            (r"a\n", r"\n"),
            (".", ":1a:b"),
            ("{", ",x}"),
        ] {
            assert_eq!(all(&format!("{before}{run}{after}")), [run], "{before}");
        }
        assert!(all("No word of this sentence is long enough.").is_empty());
        let lines = format!("{}\n{}\nQUJD", "A".repeat(76), "B".repeat(76));
        assert_eq!(all(&lines), [lines.replace('\n', "")]);
        assert_eq!(all(&lines.replace('\n', r"\\n")), [lines.replace('\n', "")]);
    }

    #[test]
    fn words_and_hashes_are_not_decoded() {
        for text in [
            "council-tax-and-benefits",
            "b94d27b9934d3e08a52e52d7da7dabfac484efe37a538",
            "uncharacteristically",
        ] {
            assert_eq!(decode_promising(text.as_bytes()), None, "{text}");
        }
        // base64.b64encode(b"jo@example.org, call")
        let decoded = decode_promising(b"am9AZXhhbXBsZS5vcmcsIGNhbGw").unwrap();
        assert_eq!(decoded, b"jo@example.org, call");
    }

    proptest! {
        #![proptest_config(crate::property_test::config(256))]

        #[test]
        fn candidates_are_exactly_the_long_runs(text in "[a-c+/_ \\.\n=-]{0,120}") {
            let expected: Vec<&str> = text
                .split(|character: char| !is_digit(character as u8))
                .filter(|part| part.len() >= SHORTEST)
                .collect();
            prop_assume!(expected.iter().all(|part| part.len() < SHORTEST_LINE));
            prop_assert_eq!(all(&text), expected);
        }
    }
}
