//! Finds telephone numbers as people write them.

use super::patterns::{Kind, Match, Strength, ends_word, starts_word};
use super::separators::{self, Between};

/// How many separators may be between two digits: a bracket, a space, a dash and a space.
const SEPARATORS: usize = 4;

/// How far before a number its name may be: `"mobile_number": 7700900123`.
const NAMED_WITHIN: usize = 28;

/// A telephone number whose first digit is at `digit`, in a run of digits that ends at `run_end`.
pub(super) fn phone_at(text: &[u8], digit: usize, run_end: usize) -> Option<Match> {
    written_out(text, digit)
        .or_else(|| country_without_plus(text, digit))
        .or_else(|| bare(text, digit, run_end))
        .filter(|hit| !is_isbn(text, hit))
}

/// A number with a plus, with the zeros that replace it, or with the zero of the area.
fn written_out(text: &[u8], digit: usize) -> Option<Match> {
    let previous = digit.checked_sub(1).and_then(|index| text.get(index)).copied();
    let rest = text.get(digit..)?;
    let (country, start, mut position) = match rest {
        [b'4', b'4', ..] if previous == Some(b'+') => (true, digit - 1, digit + 2),
        [b'0', b'0', b'4', b'4', ..] => (true, digit, digit + 4),
        [b'0', b'1'..=b'3' | b'5' | b'7'..=b'9', third, ..] if third.is_ascii_digit() => {
            (false, digit, digit + 3)
        }
        [b'0', b')' | b'(', more @ ..] => {
            let blank = usize::from(more.first() == Some(&b' '));
            let is_area = matches!(more.get(blank), Some(b'1'..=b'3' | b'5' | b'7'..=b'9'));
            let third = more.get(blank + 1).is_some_and(u8::is_ascii_digit);
            (is_area && third).then_some((false, digit, digit + 4 + blank))?
        }
        _ => return None,
    };
    if !can_start(text, start) {
        return None;
    }
    if country {
        position = first_digit_after_country(text, position)?;
    }
    // A number without the country code has one digit more, the zero, and three digits were read
    // already.
    let (few, many) = if country { (8, 9) } else { (7, 8) };
    let mut ends = [None, None];
    for count in 1..=many {
        let Some(end) = next_digit(text, position) else { break };
        position = end;
        if count == few {
            ends[0] = Some(end);
        } else if count == many {
            ends[1] = Some(end);
        }
    }
    let end = ends.into_iter().rev().flatten().find(|end| can_end(text, *end))?;
    let number = text.get(start..end)?;
    let bare = number.iter().all(u8::is_ascii_digit);
    // Digits alone can be the number of an order. Slashes occur in dates and paths.
    let weak = bare && is_of_something_else(text, start) || number.contains(&b'/');
    let bracket = start.checked_sub(1).filter(|index| text.get(*index) == Some(&b'('));
    let closed = number.contains(&b')');
    let start = bracket.filter(|_| closed && !country).unwrap_or(start);
    let strength = if weak { Strength::Weak } else { Strength::Strong };
    Some(Match { kind: Kind::Phone, strength, range: start..end })
}

/// `44 7700 900123` and `447700900123`, which may be any kind of number.
fn country_without_plus(text: &[u8], digit: usize) -> Option<Match> {
    if !text.get(digit..)?.starts_with(b"44") || !can_start(text, digit) {
        return None;
    }
    if is_joined_before(text, digit) {
        return None;
    }
    let first = first_digit_after_country(text, digit + 2)?;
    let mut number = vec![*text.get(first - 1)?];
    let mut position = first;
    while number.len() < 10 {
        position = next_digit(text, position)?;
        number.push(*text.get(position - 1)?);
    }
    let fits = is_given_out(&number) && can_end(text, position) && !goes_on(text, position);
    fits.then_some(Match { kind: Kind::Phone, strength: Strength::Weak, range: digit..position })
}

/// A number without its leading zero, as in a column or a member of JSON that holds numbers.
fn bare(text: &[u8], digit: usize, run_end: usize) -> Option<Match> {
    let number = text.get(digit..run_end)?;
    let apart = !is_joined_before(text, digit) && ends_word(text, run_end);
    if !apart || goes_on(text, run_end) || !can_start(text, digit) {
        return None;
    }
    let fits = match number {
        [b'7', b'1'..=b'5' | b'7'..=b'9', ..] if number.len() == 10 => true,
        [b'2', b'0', b'3' | b'4' | b'7' | b'8', ..] if number.len() == 10 => true,
        // Timestamps and other numbers begin like this as well.
        [b'1'..=b'3' | b'5' | b'8' | b'9', ..] if matches!(number.len(), 9 | 10) => {
            is_named(text, digit)
        }
        _ => false,
    };
    fits.then_some(Match { kind: Kind::Phone, strength: Strength::Weak, range: digit..run_end })
}

/// Whether such numbers are issued.
fn is_given_out(number: &[u8]) -> bool {
    match number {
        [b'1', second, ..] => *second != b'0',
        [b'2', second, ..] => matches!(second, b'0' | b'3' | b'4' | b'8' | b'9'),
        [b'3', second, ..] => matches!(second, b'0' | b'3' | b'4' | b'7'),
        [b'5', second, ..] => matches!(second, b'5' | b'6'),
        [b'7', second, ..] => *second != b'6',
        [b'8', second, ..] => matches!(second, b'0' | b'4' | b'7'),
        _ => false,
    }
}

/// Words that announce a telephone number.
const NAMES: [&[u8]; 9] =
    [b"phone", b"tel", b"mob", b"fax", b"whatsapp", b"landline", b"sms", b"msisdn", b"call"];

/// Whether the text announces a telephone number: `tel:`, `"phone": `.
fn is_named(text: &[u8], start: usize) -> bool {
    let before = text.get(start.saturating_sub(NAMED_WITHIN)..start).unwrap_or_default();
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let Some(last) = before.iter().rposition(|byte| byte.is_ascii_alphanumeric()) else {
        return false;
    };
    let gap = before.get(last + 1..).unwrap_or_default();
    // A sentence that ends before the digits does not announce them.
    if gap.len() > 6 || gap.iter().any(|byte| matches!(byte, b'\t' | b'\n' | b',' | b';')) {
        return false;
    }
    let word = before.get(..=last).unwrap_or_default();
    let begin = word.iter().rposition(|byte| !is_part(byte)).map_or(0, |index| index + 1);
    let word = word.get(begin..).unwrap_or_default();
    let mut parts = word.split(|byte| matches!(byte, b'_' | b'-'));
    parts.any(|part| {
        NAMES.iter().any(|name| {
            part.len() >= name.len()
                && part.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
                || part.len() > name.len()
                    && name.len() >= 5
                    && part
                        .get(part.len() - name.len()..)
                        .is_some_and(|tail| tail.eq_ignore_ascii_case(name))
        })
    })
}

/// Words that announce another kind of number.
const OTHER_NAMES: [&[u8]; 16] = [
    b"order",
    b"ref",
    b"invoice",
    b"case",
    b"account",
    b"barcode",
    b"item",
    b"licence",
    b"license",
    b"permit",
    b"policy",
    b"sku",
    b"parcel",
    b"tracking",
    b"application",
    b"serial",
];

/// Whether the text announces another kind of number: `Order no. 01234567890`.
fn is_of_something_else(text: &[u8], start: usize) -> bool {
    let before = text.get(start.saturating_sub(NAMED_WITHIN)..start).unwrap_or_default();
    if before.ends_with(b"#") {
        return true;
    }
    let begins = |word: &[u8], names: &[&[u8]]| {
        names
            .iter()
            .any(|name| word.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name)))
    };
    // The letter of an escape (`\\nOrder`) can precede a word.
    let begins_with = |word: &[u8], names: &[&[u8]]| {
        let escaped = matches!(word.first(), Some(b'n' | b't' | b'r'));
        begins(word, names) || escaped && begins(word.get(1..).unwrap_or_default(), names)
    };
    let mut words = before.split(|byte| !byte.is_ascii_alphabetic());
    let other = words.clone().any(|word| begins_with(word, &OTHER_NAMES));
    other && !words.any(|word| begins_with(word, &NAMES))
}

/// Whether the number is an ISBN.
fn is_isbn(text: &[u8], hit: &Match) -> bool {
    let before = text.get(hit.range.start.saturating_sub(12)..hit.range.start).unwrap_or_default();
    before.windows(4).any(|window| window.eq_ignore_ascii_case(b"isbn"))
}

/// The end of the next digit, across at most a few separators.
fn next_digit(text: &[u8], position: usize) -> Option<usize> {
    let mut position = position;
    for _ in 0..SEPARATORS {
        match separators::end(text, position, Between::Phone) {
            Some(end) => position = end,
            None => break,
        }
    }
    text.get(position).filter(|byte| byte.is_ascii_digit()).map(|_| position + 1)
}

/// The end of the first digit after `+44`, without a bracketed zero.
fn first_digit_after_country(text: &[u8], position: usize) -> Option<usize> {
    let mut position = position;
    for _ in 0..SEPARATORS {
        if text.get(position..).is_some_and(|rest| rest.starts_with(b"(0)")) {
            position += 3;
            break;
        }
        position = separators::end(text, position, Between::Phone).unwrap_or(position);
    }
    let end = next_digit(text, position)?;
    matches!(text.get(end - 1), Some(b'1'..=b'3' | b'5' | b'7'..=b'9')).then_some(end)
}

/// Whether the number is not part of a longer number, a decimal, a date or a path.
fn can_start(text: &[u8], start: usize) -> bool {
    if !starts_word(text, start) {
        return false;
    }
    let before = text.get(..start).unwrap_or_default();
    match before {
        [.., b'/'] => false,
        [.., digit, b'-' | b'.' | b':' | b','] => !digit.is_ascii_digit(),
        _ => true,
    }
}

fn can_end(text: &[u8], end: usize) -> bool {
    let goes_on = matches!(
        text.get(end..),
        Some([b'-' | b'.' | b'/' | b':', digit, ..]) if digit.is_ascii_digit()
    );
    ends_word(text, end) && !goes_on
}

/// Whether the digits continue a path, a token or a sum. Digits that nothing announces must not.
fn is_joined_before(text: &[u8], start: usize) -> bool {
    let before = text.get(..start).unwrap_or_default();
    match before {
        [.., b':'] => matches!(before, [.., digit, b':'] if digit.is_ascii_digit()),
        [.., b'-' | b'_' | b'/' | b'.' | b'#' | b'$' | b'%' | b'+' | b'@' | b'~' | b'*'] => true,
        // A pound sign or another currency sign.
        [.., 0xC2, 0xA3] | [.., 0xE2, 0x82, _] => true,
        _ => false,
    }
}

fn goes_on(text: &[u8], end: usize) -> bool {
    match text.get(end..) {
        Some([b'-' | b'_' | b'/' | b':' | b'.' | b',' | b'=' | b'@' | b'+', next, ..]) => {
            next.is_ascii_alphanumeric()
        }
        Some([b'%', ..]) => true,
        _ => false,
    }
}
