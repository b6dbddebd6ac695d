//! Reads and writes COPY's text format: rows end in a line feed, tabs separate fields, NULL is
//! `\N`, and both bytes as well as the backslash are escaped in values.
//!
//! The server escapes exactly the backslash and BS, FF, LF, CR, TAB and VT. On input it also
//! accepts octal and hexadecimal escapes, and any other escaped character as itself. [`unescape`]
//! does the same, so an archive made by hand cannot hide a value from a comparison.

use std::borrow::Cow;

/// NULL as a whole field.
pub const NULL: &[u8] = b"\\N";

/// Appends `value` as the server would write it in a field.
pub fn escape_into(value: &[u8], out: &mut Vec<u8>) {
    let mut copied = 0;
    for (index, byte) in value.iter().enumerate() {
        let letter = match byte {
            b'\\' => b'\\',
            0x08 => b'b',
            0x0C => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x0B => b'v',
            _ => continue,
        };
        out.extend_from_slice(value.get(copied..index).unwrap_or_default());
        out.extend_from_slice(&[b'\\', letter]);
        copied = index + 1;
    }
    out.extend_from_slice(value.get(copied..).unwrap_or_default());
}

/// The value of a field that is not NULL.
pub fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', field).is_none() {
        return Cow::Borrowed(field);
    }
    let mut value = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(backslash);
        value.extend_from_slice(plain);
        let (byte, length) = unescape_one(escape);
        value.push(byte);
        rest = escape.get(length..).unwrap_or_default();
    }
    value.extend_from_slice(rest);
    Cow::Owned(value)
}

/// The byte that the escape at the start of `escape` means, and the length of the escape.
fn unescape_one(escape: &[u8]) -> (u8, usize) {
    match escape.get(1).copied() {
        None => (b'\\', 1),
        Some(b'b') => (0x08, 2),
        Some(b'f') => (0x0C, 2),
        Some(b'n') => (b'\n', 2),
        Some(b'r') => (b'\r', 2),
        Some(b't') => (b'\t', 2),
        Some(b'v') => (0x0B, 2),
        Some(b'0'..=b'7') => digits(escape, 1, 3, 8),
        Some(b'x') if escape.get(2).is_some_and(u8::is_ascii_hexdigit) => digits(escape, 2, 2, 16),
        Some(other) => (other, 2),
    }
}

fn digits(escape: &[u8], start: usize, at_most: usize, radix: u32) -> (u8, usize) {
    let mut value = 0_u8;
    let mut length = start;
    for byte in escape.iter().skip(start).take(at_most) {
        let Some(digit) =
            char::from(*byte).to_digit(radix).and_then(|digit| u8::try_from(digit).ok())
        else {
            break;
        };
        value = value.wrapping_mul(if radix == 8 { 8 } else { 16 }).wrapping_add(digit);
        length += 1;
    }
    (value, length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_server_s_other_escapes_are_understood() {
        assert_eq!(unescape(b"\\101\\x41\\q\\x").as_ref(), b"AAqx");
        assert_eq!(unescape(b"a\\").as_ref(), b"a\\");
        assert_eq!(unescape(b"\\\\n").as_ref(), b"\\n");
    }

    proptest! {
        #![proptest_config(crate::property_test::config(256))]

        #[test]
        fn escaping_is_undone_by_unescaping(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut field = Vec::new();
            escape_into(&value, &mut field);
            prop_assert!(!field.contains(&b'\n') && !field.contains(&b'\t'));
            let unescaped = unescape(&field);
            prop_assert_eq!(unescaped.as_ref(), value.as_slice());
        }
    }
}
