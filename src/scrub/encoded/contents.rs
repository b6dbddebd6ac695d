//! Recognises decoded bytes by their beginning.

use super::zip::is_zip;

/// Whether bytes with this beginning can be decoded. Six bytes are enough to exclude nearly
/// everything that only looks like base64.
pub fn is_promising(beginning: &[u8]) -> bool {
    is_zlib(beginning)
        || after_length(beginning).is_some()
        || is_gzip(beginning)
        || is_pickle(beginning)
        || is_zip(beginning)
        || may_be_text(beginning)
}

/// Excludes half of all first bytes before anything slow happens.
fn may_be_text(beginning: &[u8]) -> bool {
    matches!(beginning.first(), Some(b'\t' | b'\n' | b'\r' | 0x20..=0x7E | 0xC2..=0xF4)) && {
        let valid = match std::str::from_utf8(beginning) {
            Ok(_) => true,
            // The last character continues in bytes that are not here.
            Err(error) => error.error_len().is_none(),
        };
        // A letter with an accent is one byte in older encodings.
        let latin = beginning.iter().filter(|byte| !byte.is_ascii()).count() <= 1;
        (valid || latin) && !beginning.iter().any(is_control)
    }
}

/// A zlib header of any window and level: deflate, a header that is a multiple of 31, and no preset
/// dictionary.
pub fn is_zlib(bytes: &[u8]) -> bool {
    let [method, flags, ..] = bytes else { return false };
    let header = u16::from_be_bytes([*method, *flags]);
    method & 0x0F == 8 && method >> 4 <= 7 && flags & 0x20 == 0 && header.is_multiple_of(31)
}

/// What follows a length of four bytes, if it is zlib with the usual window. MySQL and Qt write it
/// this way.
pub fn after_length(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(4..).filter(|rest| rest.first() == Some(&0x78) && is_zlib(rest))
}

pub fn is_gzip(bytes: &[u8]) -> bool {
    matches!(bytes, [0x1F, 0x8B, 0x08, ..])
}

/// Protocols 2 to 5. The two older protocols have no mark at the start.
pub fn is_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, ..])
}

/// Whether the bytes are UTF-8 that a person could have written.
pub fn is_text(bytes: &[u8]) -> bool {
    !bytes.iter().any(is_control) && std::str::from_utf8(bytes).is_ok()
}

fn is_control(byte: &u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r')
}
