//! Resolves escaped characters: `\u0040` in JSON, `%40` in the address of a page, `&#64;` in HTML,
//! and escapes of escapes (`%2540`).
//!
//! JSON can contain JSON (the body of a page inside a revision), which doubles each backslash at
//! every level, and COPY doubles them again. So the number of backslashes before the `u` is
//! ignored: one pass resolves all levels, without a parser that a broken document could mislead.
//! Simple escapes (`\n`, `\"`) stay, because the patterns know them.

use std::sync::LazyLock;

use memchr::memmem::Finder;

static UNICODE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r"\u"));
static LATIN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r"\u00"));

/// Which characters are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// ASCII and the no-break space, which are all that the patterns consist of.
    Ascii,
    /// Also letters of all scripts, which can be part of an address.
    All,
}

/// How many passes are made. Each removes one layer of escapes.
const PASSES: usize = 3;

/// Named entities that can be part of an address or a number, or hide another entity.
const NAMED: [(&[u8], u32); 5] =
    [(b"commat;", 0x40), (b"period;", 0x2E), (b"nbsp;", 0xA0), (b"plus;", 0x2B), (b"amp;", 0x26)];

/// The text with its escapes resolved. `None` if no escape could hide something.
pub fn resolve(text: &[u8], reach: Reach) -> Option<Vec<u8>> {
    let mut result = has_escapes(text, reach).then(|| resolve_all(text, reach))?;
    for _ in 1..PASSES {
        if !has_escapes(&result, reach) {
            break;
        }
        let next = resolve_all(&result, reach);
        if next == result {
            break;
        }
        result = next;
    }
    Some(result)
}

fn has_escapes(text: &[u8], reach: Reach) -> bool {
    let unicode = match reach {
        Reach::Ascii => &LATIN,
        Reach::All => &UNICODE,
    };
    let percent = || {
        memchr::memchr_iter(b'%', text).any(|at| {
            matches!(
                text.get(at + 1..at + 3),
                Some([b'2' | b'4', b'0'] | [b'2', b'5' | b'B' | b'b'])
            )
        })
    };
    let entity = || {
        memchr::memchr_iter(b'&', text)
            .any(|at| entity(text.get(at + 1..).unwrap_or_default()).is_some())
    };
    unicode.find(text).is_some() || percent() || entity()
}

fn resolve_all(text: &[u8], reach: Reach) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let escape = match rest {
            [b'\\', b'u', hex @ ..] => {
                hex.first_chunk::<4>().and_then(|hex| unicode(*hex)).map(|code| (code, 6))
            }
            [b'%', high, low, ..] => hex_pair(*high, *low).map(|code| (u32::from(code), 3)),
            [b'&', after @ ..] => entity(after).map(|(code, length)| (code, length + 1)),
            _ => None,
        };
        let of_unicode = rest.first() != Some(&b'%');
        match escape.and_then(|(code, length)| Some((character(code, of_unicode, reach)?, length)))
        {
            Some((character, length)) => {
                while rest.first() == Some(&b'\\') && result.last() == Some(&b'\\') {
                    result.pop();
                }
                let mut buffer = [0; 4];
                result.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                let after = rest.get(1..).unwrap_or_default();
                let next = memchr::memchr3(b'\\', b'%', b'&', after);
                let (plain, after) = rest.split_at(next.map_or(rest.len(), |offset| offset + 1));
                result.extend_from_slice(plain);
                rest = after;
            }
        }
    }
    result
}

/// The character of an entity after its ampersand, and the length of the rest of the entity.
fn entity(text: &[u8]) -> Option<(u32, usize)> {
    if let [b'#', number @ ..] = text {
        let end = number.iter().take(9).position(|byte| *byte == b';')?;
        let number = std::str::from_utf8(number.get(..end)?).ok()?;
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return Some((code.ok()?, end + 2));
    }
    NAMED.iter().find(|(name, _)| text.starts_with(name)).map(|(name, code)| (*code, name.len()))
}

/// Control characters stay escaped: a resolved line feed would end the row. So do halves of
/// characters beyond the first plane, which no pattern needs.
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

/// The byte that two hexadecimal digits mean.
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
    fn escapes_are_resolved_at_every_depth() {
        assert_eq!(all(r"jo\u0040x.org").as_deref(), Some("jo@x.org"));
        assert_eq!(all(r"jo\\\\u0040x.org").as_deref(), Some("jo@x.org"));
        assert_eq!(all("jo%40x.org%2C%0a").as_deref(), Some("jo@x.org,%0a"));
        assert_eq!(all(r"jos\u00e9\u0040x.org\u000a").as_deref(), Some(r"josé@x.org\u000a"));
        assert_eq!(all(r"\ud83d\ude00 \u00").as_deref(), Some(r"\ud83d\ude00 \u00"));
    }

    #[test]
    fn entities_and_layers_are_resolved() {
        for text in ["jo&#64;x.org", "jo&#x40;x&period;org", "jo&commat;x.org", "jo&amp;#64;x.org"]
        {
            assert_eq!(all(text).as_deref(), Some("jo@x.org"), "{text}");
        }
        for text in ["jo%2540x.org", "jo%252540x.org", r"jo\\u0026#64;x.org", r"jo\u005cu0040x.org"]
        {
            assert_eq!(all(text).as_deref(), Some("jo@x.org"), "{text}");
        }
        assert_eq!(all("a &#; b &#xzz; c & d &#123456789; &copy;"), None);
        assert_eq!(all("&#10;&#64;").as_deref(), Some("&#10;@"));
    }

    #[test]
    fn a_text_without_escapes_is_not_copied() {
        assert_eq!(all(r"50% of \n all"), None);
        assert_eq!(resolve(br"caf\u2019s", Reach::Ascii), None);
    }
}
