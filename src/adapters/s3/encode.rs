//! Percent-encoding as Amazon's signatures want it: RFC 3986's unreserved characters stay, every
//! other byte becomes `%XX`.

use std::borrow::Cow;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// A key as a path: its slashes stay.
pub fn path(text: &str) -> String {
    encode(text, true)
}

/// A name or value of a query.
pub fn component(text: &str) -> String {
    encode(text, false)
}

fn encode(text: &str, keep_slashes: bool) -> String {
    let mut encoded = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            b'/' if keep_slashes => encoded.push('/'),
            _ => {
                encoded.push('%');
                for digit in [byte >> 4, byte & 15] {
                    encoded.push(HEX.get(usize::from(digit)).map_or('0', |c| char::from(*c)));
                }
            }
        }
    }
    encoded
}

/// Undoes `encoding-type=url` of a listing, where a plus sign is a space. `None` if what comes out
/// is no UTF-8, which no key can be.
pub fn decode(text: &str) -> Option<Cow<'_, str>> {
    decoded(text, true)
}

/// Undoes the encoding of a path, where a plus sign is one.
pub fn decode_path(text: &str) -> Option<Cow<'_, str>> {
    decoded(text, false)
}

fn decoded(text: &str, plus_is_space: bool) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' if plus_is_space => bytes.push(b' '),
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                let digits = std::str::from_utf8(digits).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = after;
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reserved_characters_are_encoded() {
        assert_eq!(path("images/a b+c%d#e?f&é~.jpg"), "images/a%20b%2Bc%25d%23e%3Ff%26%C3%A9~.jpg");
        assert_eq!(component("a/b"), "a%2Fb");
        assert_eq!(decode("a+b%2Bc").as_deref(), Some("a b+c"));
        assert_eq!(decode("%zz"), None);
        assert_eq!(decode("%e"), None);
        assert_eq!(decode("%FF"), None);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text in any::<String>()) {
            for encoded in [path(&text), component(&text)] {
                let decoded = decode(&encoded);
                prop_assert_eq!(decoded.as_deref(), Some(text.as_str()));
            }
        }
    }
}
