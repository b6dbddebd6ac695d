//! Inflates zlib and gzip, up to a limit.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::contents::{after_length, is_gzip, is_text, is_zlib};

pub struct Inflated {
    pub bytes: Vec<u8>,
    /// There is more than the limit allows.
    pub cut_off: bool,
}

/// The content of a compressed stream. A damaged stream gives what comes before the damage, because
/// no one else can read the rest either. `None` if the bytes are not such a stream.
pub fn inflate(bytes: &[u8], limit: usize) -> Option<Inflated> {
    if let Some(rest) = after_length(bytes) {
        read_up_to(ZlibDecoder::new(rest), limit)
    } else if is_zlib(bytes) {
        read_up_to(ZlibDecoder::new(bytes), limit)
    } else if is_gzip(bytes) {
        read_up_to(MultiGzDecoder::new(bytes), limit)
    } else {
        None
    }
}

/// The content of a stream without a header, if it is within the limit and readable as text.
/// Without these conditions, any bytes could be such a stream.
pub fn inflate_raw(bytes: &[u8], limit: usize) -> Option<Vec<u8>> {
    // The kind of its first block: 3 does not exist.
    if bytes.first()? & 0b110 == 0b110 || bytes.len() < 6 {
        return None;
    }
    let mut content = Vec::new();
    DeflateDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut content).ok()?;
    (content.len() <= limit && content.len() >= 6 && is_text(&content)).then_some(content)
}

fn read_up_to(stream: impl Read, limit: usize) -> Option<Inflated> {
    let most = u64::try_from(limit).ok()?.saturating_add(1);
    let mut bytes = Vec::new();
    let result = stream.take(most).read_to_end(&mut bytes);
    if result.is_err() && bytes.is_empty() {
        return None;
    }
    let cut_off = bytes.len() > limit;
    bytes.truncate(limit);
    Some(Inflated { bytes, cut_off })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    #[test]
    fn both_formats_are_inflated_up_to_the_limit() {
        let text = b"a text that is inflated again".repeat(10);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).unwrap();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&text).unwrap();
        let zlib = zlib.finish().unwrap();
        let with_length = [&[0, 0, 1, 34], zlib.as_slice()].concat();
        // zlib.compressobj(wbits=9), whose header is 18 95.
        let small: &[u8] = b"\x18\x95K\x04\x00";
        assert!(super::is_zlib(small) && !super::is_zlib(b"Hi") && !super::is_zlib(b"h\x06"));
        for packed in [zlib, with_length, gzip.finish().unwrap()] {
            let inflated = inflate(&packed, 1000).unwrap();
            assert!(inflated.bytes == text && !inflated.cut_off);
            let inflated = inflate(&packed, text.len()).unwrap();
            assert!(inflated.bytes == text && !inflated.cut_off);
            let inflated = inflate(&packed, 20).unwrap();
            assert!(inflated.bytes == text[..20] && inflated.cut_off);
        }
        assert!(inflate(b"x\x9cnothing of the kind", 100).is_none());
        assert!(inflate(b"text", 100).is_none());
    }
}
