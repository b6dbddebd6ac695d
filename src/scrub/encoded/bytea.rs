//! Finds bytes as the server writes them: `\x`, then two hexadecimal digits each.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::contents;
use super::escapes::hex_pair;

/// As for base64: twelve bytes.
const SHORTEST: usize = 24;

static PREFIX: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r"\x"));

/// Calls `found` with the bytes of every such value, whether it is the whole text or a part, and
/// with whether the bytes begin like something that can be decoded.
pub fn each(text: &[u8], mut found: impl FnMut(Vec<u8>, bool)) {
    for at in PREFIX.find_iter(text) {
        let rest = text.get(at + 2..).unwrap_or_default();
        let beginning = rest.get(..SHORTEST).and_then(decode);
        if let Some(beginning) = beginning {
            let length = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            let bytes = rest.get(..length).and_then(decode).unwrap_or_default();
            found(bytes, contents::is_promising(&beginning));
        }
    }
}

/// Ignores a last digit without its partner.
fn decode(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, _) = digits.as_chunks::<2>();
    pairs.iter().map(|[high, low]| hex_pair(*high, *low)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_as_a_value_and_inside_a_value() {
        let digits: String = b"jo@example.org".iter().map(|byte| format!("{byte:02x}")).collect();
        for text in [format!(r"\\x{digits}"), format!(r#"{{"\\\\x{digits}",NULL}}"#)] {
            let mut all = Vec::new();
            each(text.as_bytes(), |bytes, promising| all.push((bytes, promising)));
            assert_eq!(all, [(b"jo@example.org".to_vec(), true)], "{text}");
        }
        each(br"\x00ff00ff00ff00ff00ff00ff00ff00ff", |_, promising| assert!(!promising));
        each(br"\x1 \xx C:\x", |_, _| panic!("too short"));
    }
}
