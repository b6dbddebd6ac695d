//! Characters that are written as escapes: `\u0040` in JSON, `%40` in the address of a page.
//!
//! JSON lies inside of JSON here (the body of a page inside of a saved version), which doubles
//! each backslash once a level, and COPY doubles them again. So the number of backslashes before
//! the `u` is not looked at: all levels are resolved in one pass, without a parser that a broken
//! document could lead astray. The simple escapes (`\n`, `\"`) stay, as the patterns know them.

use std::sync::LazyLock;

use memchr::memmem::Finder;

static UNICODE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r"\u"));
static LATIN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r"\u00"));

/// Which characters are worth resolving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// ASCII and the no-break blank, which is what patterns are made of.
    Ascii,
    /// Letters of all scripts too, which can be a part of an address.
    All,
}

/// The text with its escapes resolved, or `None` where it has none that could hide something.
pub fn resolve(text: &[u8], reach: Reach) -> Option<Vec<u8>> {
    has_escapes(text, reach).then(|| resolve_all(text, reach))
}

fn has_escapes(text: &[u8], reach: Reach) -> bool {
    let unicode = match reach {
        Reach::Ascii => &LATIN,
        Reach::All => &UNICODE,
    };
    let percent = || {
        memchr::memchr_iter(b'%', text).any(|at| {
            matches!(text.get(at + 1..at + 3), Some([b'2' | b'4', b'0'] | [b'2', b'B' | b'b']))
        })
    };
    unicode.find(text).is_some() || percent()
}

fn resolve_all(text: &[u8], reach: Reach) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (code, length) = match rest {
            [b'\\', b'u', hex @ ..] => (hex.first_chunk::<4>().and_then(|hex| unicode(*hex)), 6),
            [b'%', high, low, ..] => (hex_pair(*high, *low).map(u32::from), 3),
            _ => (None, 1),
        };
        match code.and_then(|code| character(code, length == 6, reach)) {
            Some(character) => {
                while length == 6 && result.last() == Some(&b'\\') {
                    result.pop();
                }
                let mut buffer = [0; 4];
                result.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                let next = memchr::memchr2(b'\\', b'%', rest.get(1..).unwrap_or_default());
                let (plain, after) = rest.split_at(next.map_or(rest.len(), |offset| offset + 1));
                result.extend_from_slice(plain);
                rest = after;
            }
        }
    }
    result
}

/// Control characters stay as they are written: a resolved line feed would end the row. So do
/// halves of characters beyond the first plane, which no pattern needs.
fn character(code: u32, is_unicode: bool, reach: Reach) -> Option<char> {
    let wanted = match code {
        0x20..=0x7E => true,
        0xA0 => true,
        _ => code > 0xA0 && is_unicode && reach == Reach::All,
    };
    char::from_u32(code).filter(|_| wanted)
}

fn unicode([a, b, c, d]: [u8; 4]) -> Option<u32> {
    Some(u32::from(hex_pair(a, b)?) << 8 | u32::from(hex_pair(c, d)?))
}

/// The byte that two hexadecimal digits stand for.
pub fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Option<String> {
        resolve(text.as_bytes(), Reach::All).map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn escapes_are_resolved_however_deep_they_are() {
        assert_eq!(all(r"jo\u0040x.org").as_deref(), Some("jo@x.org"));
        assert_eq!(all(r"jo\\\\u0040x.org").as_deref(), Some("jo@x.org"));
        assert_eq!(all("jo%40x.org%2C%0a").as_deref(), Some("jo@x.org,%0a"));
        assert_eq!(all(r"jos\u00e9\u0040x.org\u000a").as_deref(), Some(r"josé@x.org\u000a"));
        assert_eq!(all(r"\ud83d\ude00 \u00").as_deref(), Some(r"\ud83d\ude00 \u00"));
    }

    #[test]
    fn what_has_none_is_not_copied() {
        assert_eq!(all(r"50% of \n all"), None);
        assert_eq!(resolve(br"caf\u2019s", Reach::Ascii), None);
    }
}
