//! Finds e-mail addresses, UK telephone numbers, National Insurance numbers and UK postcodes.
//!
//! The scanners work on COPY data, in which tabs and line feeds are borders, and those inside a
//! value are escapes. A letter that ends an escape (`\n`, `\u00e9`, `%20`) is not part of the
//! following word. So the scanners work on JSON, and on JSON inside JSON, without decoding it.
//!
//! A match is strong if it is written the way forms ask for it. It is weak if harmless text can
//! look like it by chance: digits without a sign of what they are, a postcode in small letters or
//! with a dash, a National Insurance number that no person can have.
//!
//! Plain regular expressions in this file's tests define the matches, and a property test compares
//! the scanners with them. The scanners jump from `@` to `@` and from digit to digit, because a
//! regular expression engine that searches for all four kinds is many times slower than the stream.

use std::ops::Range;

use serde::Deserialize;

use schemars::JsonSchema;
use serde::Serialize;

use super::loose_emails::find_loose_emails;
use super::ninos::nino_at;
use super::phones::phone_at;
use super::postcodes::postcode_at;
use crate::json::written_as_text;

/// The kinds of personal data that are recognised by their form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Email,
    Phone,
    /// A National Insurance number.
    Nino,
    Postcode,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Email, Kind::Phone, Kind::Nino, Kind::Postcode];

    /// The text that a redaction writes instead of a match.
    pub fn replacement(self) -> &'static str {
        match self {
            Kind::Email => "[email removed]",
            Kind::Phone => "[phone removed]",
            Kind::Nino => "[NI number removed]",
            Kind::Postcode => "[postcode removed]",
        }
    }
}

written_as_text!(Kind, Kind::to_string);

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Email => "e-mail address",
            Kind::Phone => "telephone number",
            Kind::Nino => "National Insurance number",
            Kind::Postcode => "postcode",
        })
    }
}

/// How certain a match is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// Written as forms ask for it.
    Strong,
    /// An everyday form that harmless text has by chance, too.
    Weak,
}

/// One occurrence: its place, never its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    pub kind: Kind,
    pub strength: Strength,
    pub range: Range<usize>,
}

/// Every e-mail address in `text`, from left to right.
pub fn find_emails(text: &[u8], mut found: impl FnMut(Match)) {
    let mut free_from = 0;
    for at in memchr::memchr_iter(b'@', text) {
        if at < free_from {
            continue;
        }
        let start = local_part_start(text, free_from, at);
        let end = domain_end(text, at + 1);
        if start < at && end > at + 1 {
            found(Match { kind: Kind::Email, strength: Strength::Strong, range: start..end });
            free_from = end;
        }
    }
}

/// Every telephone number, National Insurance number and postcode, from left to right.
pub fn find_numbers(text: &[u8], mut found: impl FnMut(Match)) {
    let mut free_from = 0;
    let mut position = 0;
    while let Some(start) = next_digit(text, position) {
        let mut end = start + 1;
        while text.get(end).is_some_and(u8::is_ascii_digit) {
            end += 1;
        }
        let start = escape_end(text, start).unwrap_or(start);
        if start >= end {
            position = start;
            continue;
        }
        let hit = if is_worth_a_look(text, start, end) {
            phone_at(text, start, end)
                .or_else(|| nino_at(text, start, end))
                .or_else(|| postcode_at(text, end))
                .filter(|hit| hit.range.start >= free_from)
        } else {
            None
        };
        position = end;
        if let Some(hit) = hit {
            free_from = hit.range.end;
            position = position.max(free_from);
            found(hit);
        }
    }
}

/// Every match of the wanted kinds, from left to right and without overlaps.
pub fn find_all(text: &[u8], wanted: impl Fn(Kind) -> bool) -> Vec<Match> {
    let mut matches = Vec::new();
    if wanted(Kind::Email) {
        find_emails(text, |hit| matches.push(hit));
        find_loose_emails(text, |hit| matches.push(hit));
    }
    find_numbers(text, |hit| {
        if wanted(hit.kind) {
            matches.push(hit);
        }
    });
    // If an address contains what looks like a number, the address wins, because it is longer.
    matches.sort_by_key(|hit| (hit.range.start, std::cmp::Reverse(hit.range.end)));
    let mut free_from = 0;
    matches.retain(|hit| {
        let free = hit.range.start >= free_from;
        if free {
            free_from = hit.range.end;
        }
        free
    });
    matches
}

/// Whether a run of digits can be part of a match at all. Excludes most runs (dates, keys, UUIDs),
/// which makes the scan several times faster.
fn is_worth_a_look(text: &[u8], start: usize, end: usize) -> bool {
    let previous = start.checked_sub(1).and_then(|index| text.get(index)).copied().unwrap_or(b' ');
    let next = text.get(end).copied().unwrap_or(b' ');
    let phone = match (text.get(start), end - start) {
        (Some(b'0'), _) => true,
        (Some(b'4'), _) if text.get(start + 1) == Some(&b'4') => true,
        (_, 9 | 10) => true,
        _ => previous == b'+',
    };
    let nino = matches!(end - start, 2 | 4 | 6) && follows_two_letters(text, start, previous);
    let postcode = next.is_ascii_alphabetic()
        && text.get(end + 1).is_some_and(u8::is_ascii_alphabetic)
        && ends_word(text, end + 2);
    phone || nino || postcode
}

/// Whether two letters precede a run of digits, judged by single bytes.
fn follows_two_letters(text: &[u8], start: usize, previous: u8) -> bool {
    let letters_end = match previous {
        b'A'..=b'Z' | b'a'..=b'z' => start,
        b' ' | b'-' | b'.' | b'/' => start.saturating_sub(1),
        // The last byte of a space or dash that is not ASCII, or of its escape.
        0x80.. | b';' | b'0'..=b'9' => return true,
        _ => return false,
    };
    let letters = letters_end.checked_sub(2).and_then(|from| text.get(from..letters_end));
    letters.is_some_and(|letters| letters.iter().all(u8::is_ascii_alphabetic))
}

/// The next digit at or after `from`. Reads eight bytes at a time: most of the data is prose with
/// few digits, and reading single bytes took most of the scan's time.
fn next_digit(text: &[u8], from: usize) -> Option<usize> {
    let mut position = from;
    while let Some(Ok(eight)) = text.get(position..position + 8).map(<[u8; 8]>::try_from) {
        if let Some(offset) = first_digit(eight) {
            return Some(position + offset);
        }
        position += 8;
    }
    let rest = text.get(position..)?;
    rest.iter().position(u8::is_ascii_digit).map(|offset| position + offset)
}

/// The position of the first digit among eight bytes.
fn first_digit(eight: [u8; 8]) -> Option<usize> {
    // After XOR with '0', digits are the bytes below 10: adding 0x76 does not set their highest
    // bit, and it is not set before.
    let bytes = u64::from_le_bytes(eight) ^ 0x3030_3030_3030_3030;
    let sums = (bytes & 0x7F7F_7F7F_7F7F_7F7F) + 0x7676_7676_7676_7676;
    let digits = !(sums | bytes) & 0x8080_8080_8080_8080;
    (digits != 0).then_some(digits.trailing_zeros() as usize / 8)
}

/// Whether the byte can be part of a letter: bytes from 128 up are parts of non-ASCII letters.
pub(super) fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Letters that form an escape with a backslash, in COPY data or JSON.
fn is_escape_letter(byte: u8) -> bool {
    matches!(byte, b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'u')
}

/// Whether `position` directly follows an escape that ends in a letter or a digit.
pub(super) fn after_escape(text: &[u8], position: usize) -> bool {
    let before =
        |length: usize| position.checked_sub(length).and_then(|from| text.get(from..position));
    let simple =
        matches!(before(2), Some([b'\\', letter]) if is_escape_letter(*letter) && *letter != b'u');
    let percent =
        matches!(before(3), Some([b'%', hex @ ..]) if hex.iter().all(u8::is_ascii_hexdigit));
    let unicode =
        matches!(before(6), Some([b'\\', b'u', hex @ ..]) if hex.iter().all(u8::is_ascii_hexdigit));
    simple || percent || unicode
}

/// The end of the `%20` or `\u00a0` that has the byte at `position` among its digits.
fn escape_end(text: &[u8], position: usize) -> Option<usize> {
    let previous = *text.get(position.checked_sub(1)?)?;
    if !previous.is_ascii_hexdigit() && previous != b'%' && previous != b'u' {
        return None;
    }
    [(&b"%"[..], 2), (b"\\u", 4)].into_iter().find_map(|(sign, digits)| {
        (0..digits).find_map(|passed| {
            let start = position.checked_sub(passed + sign.len())?;
            let hex = text.get(start..)?.strip_prefix(sign)?.get(..digits)?;
            hex.iter().all(u8::is_ascii_hexdigit).then_some(start + sign.len() + digits)
        })
    })
}

/// Whether a word can begin at `position`.
pub(super) fn starts_word(text: &[u8], position: usize) -> bool {
    let Some(previous) = position.checked_sub(1).and_then(|index| text.get(index)) else {
        return true;
    };
    match *previous {
        b'\\' => !text.get(position).is_some_and(|byte| is_escape_letter(*byte)),
        byte if is_word(byte) => after_escape(text, position),
        _ => true,
    }
}

/// Whether a word can end at `position`.
pub(super) fn ends_word(text: &[u8], position: usize) -> bool {
    !text.get(position).is_some_and(|byte| is_word(*byte))
}

pub(super) fn local_part_start(text: &[u8], free_from: usize, at: usize) -> usize {
    let is_local = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || byte >= 0x80
            || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'\'' | b'-')
    };
    let mut start = at;
    while start > free_from && text.get(start - 1).is_some_and(|byte| is_local(*byte)) {
        start -= 1;
    }
    let escaped = start.checked_sub(1).and_then(|index| text.get(index)) == Some(&b'\\');
    if escaped {
        let part = text.get(start..at).unwrap_or_default();
        start += match part {
            [b'u', hex @ ..] if hex.len() >= 4 && hex.iter().take(4).all(u8::is_ascii_hexdigit) => {
                5
            }
            [letter, ..] if is_escape_letter(*letter) => 1,
            _ => 0,
        };
    }
    while start < at
        && text.get(start).is_some_and(|byte| !is_letter(*byte) && !byte.is_ascii_digit())
    {
        start += 1;
    }
    start
}

/// The end of the longest domain name that begins at `start` and has a top-level domain of two
/// letters or more. Returns `start` if there is none. File names such as `logo@2x.png` do not
/// count.
pub(super) fn domain_end(text: &[u8], start: usize) -> usize {
    let mut end = start;
    let mut top = start..start;
    let mut position = start;
    loop {
        let label = position;
        while text
            .get(position)
            .is_some_and(|byte| is_letter(*byte) || byte.is_ascii_digit() || *byte == b'-')
        {
            position += 1;
        }
        if label > start {
            let letters = text.get(label..position).unwrap_or_default();
            let letters = letters.iter().take_while(|byte| is_letter(**byte)).count();
            if letters >= 2 {
                end = label + letters;
                top = label..end;
            }
        }
        if position == label || text.get(position) != Some(&b'.') {
            break;
        }
        position += 1;
    }
    let top = text.get(top).unwrap_or_default();
    let is_file = FILE_ENDINGS.iter().any(|ending| top.eq_ignore_ascii_case(ending));
    if is_file { start } else { end }
}

const FILE_ENDINGS: [&[u8]; 8] = [b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"js"];

#[cfg(test)]
#[path = "patterns_test.rs"]
mod tests;
