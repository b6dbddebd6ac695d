//! Percent-encodes where the SDK does not: sources of copies, public URLs, keys in a listing.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything except RFC 3986's unreserved characters and slashes.
const RESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A key as a path: its slashes stay.
pub fn path(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Decodes `encoding-type=url` of a listing, where a plus sign is a space. `None` if the result is
/// not UTF-8, which every key must be.
pub fn decode(text: &str) -> Option<String> {
    decode_path(&text.replace('+', " ")).map(Cow::into_owned)
}

/// Decodes a path, where a plus sign is a plus sign.
pub fn decode_path(text: &str) -> Option<Cow<'_, str>> {
    let hex = |c: u8| c.is_ascii_hexdigit();
    let mut escapes = text.split('%').skip(1).map(str::as_bytes);
    let right = escapes.all(|rest| rest.get(..2).is_some_and(|two| two.iter().all(|c| hex(*c))));
    if right { percent_decode_str(text).decode_utf8().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reserved_characters_are_encoded() {
        assert_eq!(path("images/a b+c%d#e?f&é~.jpg"), "images/a%20b%2Bc%25d%23e%3Ff%26%C3%A9~.jpg");
        assert_eq!(decode("a+b%2Bc").as_deref(), Some("a b+c"));
        assert_eq!(decode("%zz"), None);
        assert_eq!(decode("%e"), None);
        assert_eq!(decode("%FF"), None);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text in any::<String>()) {
            let encoded = path(&text);
            let decoded = decode(&encoded);
            prop_assert_eq!(decoded.as_deref(), Some(text.as_str()));
        }
    }
}
