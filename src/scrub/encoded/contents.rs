//! What decoded bytes are, told by how they begin.

/// Whether bytes that begin like this can be looked into. Six bytes are enough to turn nearly
/// everything away that only looks like base64.
pub fn is_promising(beginning: &[u8]) -> bool {
    is_zlib(beginning) || is_gzip(beginning) || is_pickle(beginning) || may_be_text(beginning)
}

/// Half of all first bytes are ruled out here, before anything costs time.
fn may_be_text(beginning: &[u8]) -> bool {
    matches!(beginning.first(), Some(b'\t' | b'\n' | b'\r' | 0x20..=0x7E | 0xC2..=0xF4)) && {
        let valid = match std::str::from_utf8(beginning) {
            Ok(_) => true,
            // The last character goes on in the bytes that are not here.
            Err(error) => error.error_len().is_none(),
        };
        valid && !beginning.iter().any(is_control)
    }
}

/// A zlib header with the usual window and each of the levels of compression.
pub fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [0x78, 0x01 | 0x5E | 0x9C | 0xDA, ..])
}

pub fn is_gzip(bytes: &[u8]) -> bool {
    matches!(bytes, [0x1F, 0x8B, 0x08, ..])
}

/// Protocols 2 to 5. The two older ones do not say what they are.
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
