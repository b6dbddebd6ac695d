//! Finds UK postcodes: an area that exists, a district, and three more characters.

use super::patterns::{Kind, Match, Strength, ends_word, starts_word};
use super::separators::{self, Between};

/// How many separators may be between the halves: a space, a dash and a space.
const SEPARATORS: usize = 3;

/// Letters that make the second half an ordinal, a time or a measure if they are in lower case.
pub(super) const UNITS: [&[u8; 2]; 24] = [
    b"st", b"nd", b"rd", b"th", b"hr", b"ft", b"lb", b"pt", b"yd", b"bn", b"gb", b"tb", b"px",
    b"pp", b"ha", b"sq", b"yr", b"wd", b"dp", b"xl", b"xs", b"bd", b"ed", b"up",
];

/// A postcode whose second half has its digit just before `digits_end`.
pub(super) fn postcode_at(text: &[u8], digits_end: usize) -> Option<Match> {
    let inward = digits_end - 1;
    let letters = text.get(inward + 1..inward + 3)?;
    let end = inward + 3;
    let allowed = |byte: &u8| {
        byte.is_ascii_alphabetic()
            && !matches!(byte.to_ascii_uppercase(), b'C' | b'I' | b'K' | b'M' | b'O' | b'V')
    };
    if !letters.iter().all(allowed) || !ends_word(text, end) {
        return None;
    }
    let gap = Gap::before(text, inward);
    let start = outward_start(text, gap.start)?;
    if gap.is_narrow() && !stands_apart(text, start, end) {
        return None;
    }
    let case = Case::of(text.get(start..gap.start)?, text.get(inward..end)?);
    let unit = UNITS.iter().any(|unit| unit[..] == *letters);
    let strength = match (gap, case) {
        (Gap { kind: GapKind::None | GapKind::Blanks, .. }, Case::Upper) => Strength::Strong,
        (Gap { kind: GapKind::None | GapKind::Blanks, .. }, Case::Lower) => Strength::Weak,
        // Mixed case without a gap, or around a plus, is part of a token.
        (Gap { kind: GapKind::None, .. }, Case::Mixed) => return None,
        (_, Case::Mixed) if text.get(gap.start..inward) == Some(b"+") => return None,
        (_, Case::Upper) => Strength::Weak,
        _ if unit => return None,
        _ => Strength::Weak,
    };
    Some(Match { kind: Kind::Postcode, strength, range: start..end })
}

/// The gap between the halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gap {
    start: usize,
    kind: GapKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GapKind {
    None,
    /// One or two spaces, or their form in the address of a page.
    Blanks,
    /// A dash alone, which also joins the words of a path.
    Dash,
    /// A tab, a line break, or several separators.
    Wide,
}

impl Gap {
    fn before(text: &[u8], end: usize) -> Gap {
        let before = text.get(..end).unwrap_or_default();
        let blanks = match before {
            [.., b' ', b' '] => 2,
            [.., b' ' | b'+'] => 1,
            [.., 0xC2, 0xA0] => 2,
            [.., b'%', b'2', b'0'] => 3,
            _ => 0,
        };
        let mut start = end - blanks;
        let mut count = 0;
        while count < SEPARATORS
            && let Some(further) = separators::start(text, start, Between::Postcode)
        {
            start = further;
            count += 1;
        }
        let kind = match (blanks, count) {
            (0, 0) => GapKind::None,
            (_, 0) => GapKind::Blanks,
            (0, 1) if is_a_dash(text.get(start..end).unwrap_or_default()) => GapKind::Dash,
            _ => GapKind::Wide,
        };
        Gap { start, kind }
    }

    /// Whether the gap is so narrow that the halves look like parts of tokens, hashes or file
    /// names.
    fn is_narrow(self) -> bool {
        matches!(self.kind, GapKind::None | GapKind::Dash)
    }
}

fn is_a_dash(gap: &[u8]) -> bool {
    !gap.starts_with(b"\\")
}

fn stands_apart(text: &[u8], start: usize, end: usize) -> bool {
    let joins = |byte: Option<&u8>| matches!(byte, Some(b'-' | b'_' | b'/' | b'+' | b'$' | b'.'));
    let next = text.get(end);
    let next_joins = joins(next) && next != Some(&b'.') || next == Some(&b'=');
    !joins(start.checked_sub(1).and_then(|index| text.get(index))) && !next_joins
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Upper,
    Lower,
    Mixed,
}

impl Case {
    fn of(outward: &[u8], inward: &[u8]) -> Case {
        let letters = || outward.iter().chain(inward).filter(|byte| byte.is_ascii_alphabetic());
        match () {
            () if letters().all(u8::is_ascii_uppercase) => Case::Upper,
            () if letters().all(u8::is_ascii_lowercase) => Case::Lower,
            () => Case::Mixed,
        }
    }
}

/// The start of the first half of a postcode (`HP19`, `W1A`, `E1`) that ends at `end`.
fn outward_start(text: &[u8], end: usize) -> Option<usize> {
    let district = match text.get(..end)? {
        [.., digit, letter] if digit.is_ascii_digit() && letter.is_ascii_alphabetic() => end - 2,
        [.., first, second] if matches!(first, b'1'..=b'9') && second.is_ascii_digit() => end - 2,
        [.., digit] if digit.is_ascii_digit() => end - 1,
        _ => return None,
    };
    [2, 1].into_iter().find_map(|length| {
        let start = district.checked_sub(length)?;
        let area = text.get(start..district)?;
        (is_postcode_area(area) && starts_word(text, start)).then_some(start)
    })
}

fn is_postcode_area(area: &[u8]) -> bool {
    let upper = |byte: &u8| byte.to_ascii_uppercase();
    match area {
        [letter] => b"BEGLMNSW".contains(&upper(letter)),
        [first, second] => {
            let area = [upper(first), upper(second)];
            AREAS.binary_search(&&area).is_ok()
        }
        _ => false,
    }
}

/// The two-letter postcode areas, sorted. Source: the public list of UK postcode areas.
pub(super) const AREAS: [&[u8; 2]; 118] = [
    b"AB", b"AL", b"BA", b"BB", b"BD", b"BF", b"BH", b"BL", b"BN", b"BR", b"BS", b"BT", b"BX",
    b"CA", b"CB", b"CF", b"CH", b"CM", b"CO", b"CR", b"CT", b"CV", b"CW", b"DA", b"DD", b"DE",
    b"DG", b"DH", b"DL", b"DN", b"DT", b"DY", b"EC", b"EH", b"EN", b"EX", b"FK", b"FY", b"GL",
    b"GU", b"GY", b"HA", b"HD", b"HG", b"HP", b"HR", b"HS", b"HU", b"HX", b"IG", b"IM", b"IP",
    b"IV", b"JE", b"KA", b"KT", b"KW", b"KY", b"LA", b"LD", b"LE", b"LL", b"LN", b"LS", b"LU",
    b"ME", b"MK", b"ML", b"NE", b"NG", b"NN", b"NP", b"NR", b"NW", b"OL", b"OX", b"PA", b"PE",
    b"PH", b"PL", b"PO", b"PR", b"RG", b"RH", b"RM", b"SA", b"SE", b"SG", b"SK", b"SL", b"SM",
    b"SN", b"SO", b"SP", b"SR", b"SS", b"ST", b"SW", b"SY", b"TA", b"TD", b"TF", b"TN", b"TQ",
    b"TR", b"TS", b"TW", b"UB", b"WA", b"WC", b"WD", b"WF", b"WN", b"WR", b"WS", b"WV", b"YO",
    b"ZE",
];
