//! Finds National Insurance numbers: two letters, six digits, and a last letter that many people
//! omit.

use super::patterns::{Kind, Match, Strength, ends_word, starts_word};
use super::separators::{self, Between};

/// The number in HMRC's examples. It replaces a published number.
const EXAMPLE: &[u8; 9] = b"QQ123456C";

/// Prefixes that are never issued.
const NOT_GIVEN_OUT: [&[u8; 2]; 7] = [b"BG", b"GB", b"NK", b"KN", b"TN", b"NT", b"ZZ"];

/// A National Insurance number whose first run of digits is `digits..digits_end`.
pub(super) fn nino_at(text: &[u8], digits: usize, digits_end: usize) -> Option<Match> {
    if digits_end - digits < 2 {
        return None;
    }
    let start = separator_start(text, digits).checked_sub(2)?;
    let prefix = [text.get(start)?.to_ascii_uppercase(), text.get(start + 1)?.to_ascii_uppercase()];
    if !is_prefix(prefix) || !starts_word(text, start) {
        return None;
    }
    let (mut position, mut last_digit) = (digits, digits);
    let mut gaps = [start + 2..digits, 0..0, 0..0, 0..0];
    for gap in gaps.iter_mut().skip(1) {
        match text.get(position..) {
            Some([first, second, ..]) if first.is_ascii_digit() && second.is_ascii_digit() => {
                last_digit = position + 2;
                position = separator_end(text, last_digit);
                *gap = last_digit..position;
            }
            _ => return None,
        }
    }
    let suffix = text.get(position).map(u8::to_ascii_uppercase);
    if matches!(suffix, Some(b'A'..=b'D')) && ends_word(text, position + 1) {
        let range = start..position + 1;
        let strength = match is_valid(text, &range, prefix) {
            true => Strength::Strong,
            false => Strength::Weak,
        };
        return Some(Match { kind: Kind::Nino, strength, range });
    }
    let next_is_digit = text.get(position).is_some_and(u8::is_ascii_digit);
    let range = start..last_digit;
    let apart = !separators::is_joined(text, start, last_digit) && !next_is_digit;
    let gaps = gaps.map(|gap| text.get(gap).unwrap_or_default());
    let written_alike = is_written_alike(gaps, text.get(start)?.is_ascii_uppercase());
    let number = text.get(range.clone())?;
    let complete = apart && is_given_out(prefix) && one_case(number) && written_alike;
    complete.then_some(Match { kind: Kind::Nino, strength: Strength::Weak, range })
}

/// Whether the separators are used consistently. Without a last letter, a word and a time (`at
/// 10.30 45`) or initials and a date (`JS 12/03/24`) look much the same.
fn is_written_alike([first, second, third, _]: [&[u8]; 4], capitals: bool) -> bool {
    let alike = first == second || first.is_empty() && second == b" ";
    alike && second == third && (capitals || first.is_empty())
}

/// Whether a person can have this number. A part of a path or a token is not a number.
fn is_valid(text: &[u8], range: &std::ops::Range<usize>, prefix: [u8; 2]) -> bool {
    let number = text.get(range.clone()).unwrap_or_default();
    let letters: Vec<u8> = characters(number).map(|byte| byte.to_ascii_uppercase()).collect();
    is_given_out(prefix)
        && one_case(number)
        && letters != EXAMPLE[..]
        && !separators::is_joined(text, range.start, range.end)
}

/// The letters and digits of a number, without its separators.
pub(super) fn characters(number: &[u8]) -> impl Iterator<Item = u8> {
    let mut position = 0;
    std::iter::from_fn(move || {
        loop {
            // The letters and digits of an escape are not part of the number.
            if let Some(end) = separators::end(number, position, Between::Nino) {
                position = end;
                continue;
            }
            let byte = *number.get(position)?;
            position += 1;
            return Some(byte);
        }
    })
}

/// Writes HMRC's example over a number, with the same length and separators.
pub(super) fn write_example(number: &mut [u8]) {
    let mut example = EXAMPLE.iter();
    let mut position = 0;
    while position < number.len() {
        if let Some(end) = separators::end(number, position, Between::Nino) {
            position = end;
            continue;
        }
        if let (Some(byte), Some(letter)) = (number.get_mut(position), example.next()) {
            *byte = *letter;
        }
        position += 1;
    }
}

fn one_case(number: &[u8]) -> bool {
    let letters: Vec<u8> = characters(number).filter(u8::is_ascii_alphabetic).collect();
    letters.iter().all(u8::is_ascii_uppercase) || letters.iter().all(u8::is_ascii_lowercase)
}

fn separator_end(text: &[u8], position: usize) -> usize {
    separators::end(text, position, Between::Nino).unwrap_or(position)
}

fn separator_start(text: &[u8], end: usize) -> usize {
    separators::start(text, end, Between::Nino).unwrap_or(end)
}

/// Whether the letters can be a prefix. Q counts because examples use it. Prefixes that are never
/// issued count as well, because invented numbers use them.
fn is_prefix(prefix: [u8; 2]) -> bool {
    let [first, second] = prefix;
    first.is_ascii_uppercase()
        && second.is_ascii_uppercase()
        && !matches!(first, b'D' | b'F' | b'I' | b'U' | b'V')
        && !matches!(second, b'D' | b'F' | b'I' | b'O' | b'U' | b'V')
}

fn is_given_out(prefix: [u8; 2]) -> bool {
    !prefix.contains(&b'Q') && !NOT_GIVEN_OUT.contains(&&prefix)
}
