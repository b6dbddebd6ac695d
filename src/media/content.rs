//! Reads what an ETag says about an object's bytes, and checks whether a file has them.

use std::io::Read;

use md5::{Digest, Md5};

use hex::encode as hex;

const MIB: u64 = 1 << 20;

/// Part sizes of common uploaders, in MiB: 8 for the aws CLI and boto3, 5 and 16 for the SDKs, then
/// others.
const PART_SIZES: [u64; 17] =
    [8, 5, 16, 10, 15, 6, 12, 20, 25, 32, 50, 64, 100, 128, 256, 500, 512];

/// A parsed ETag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentId {
    /// The MD5 of the bytes.
    Md5([u8; 16]),
    /// The MD5 of the parts' MD5s, and the number of parts.
    Parts { md5: [u8; 16], count: u32 },
    /// Not a hash: it only identifies a version.
    Opaque,
}

impl ContentId {
    pub fn of(etag: &str) -> ContentId {
        match etag.split_once('-') {
            None => parse_md5(etag).map_or(ContentId::Opaque, ContentId::Md5),
            Some((md5, count)) => match (parse_md5(md5), count.parse()) {
                (Some(md5), Ok(count)) if count > 0 => ContentId::Parts { md5, count },
                _ => ContentId::Opaque,
            },
        }
    }
}

pub fn parse_md5(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 {
        return None;
    }
    let mut md5 = [0; 16];
    for (byte, digits) in md5.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(md5)
}

/// The part sizes that give an object of this size `count` parts, the likeliest first.
pub fn part_sizes(size: u64, count: u32, first_part: Option<u64>) -> Vec<u64> {
    let fits = |part: &u64| *part > 0 && size.div_ceil(*part).max(1) == u64::from(count);
    if let Some(first) = first_part.filter(fits) {
        return vec![first];
    }
    let exact = size.div_ceil(u64::from(count.max(1)));
    let mut sizes: Vec<u64> = PART_SIZES.iter().map(|mib| mib * MIB).filter(fits).collect();
    for other in [exact.div_ceil(MIB) * MIB, exact] {
        if fits(&other) && !sizes.contains(&other) {
            sizes.push(other);
        }
    }
    sizes
}

/// Computes the MD5 of parts of one size from the bytes of the whole object.
#[derive(Clone)]
pub struct PartHasher {
    part_size: u64,
    in_part: u64,
    part: Md5,
    whole: Md5,
    count: u32,
}

impl PartHasher {
    pub fn new(part_size: u64) -> PartHasher {
        let part_size = part_size.max(1);
        PartHasher { part_size, in_part: 0, part: Md5::new(), whole: Md5::new(), count: 0 }
    }

    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(self.part_size - self.in_part).unwrap_or(usize::MAX);
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            self.part.update(now);
            self.in_part += now.len() as u64;
            bytes = rest;
            if self.in_part == self.part_size {
                self.end_part();
            }
        }
    }

    fn end_part(&mut self) {
        self.whole.update(self.part.finalize_reset());
        self.in_part = 0;
        self.count += 1;
    }

    /// The MD5 of MD5s, and the number of parts.
    pub fn finish(mut self) -> ([u8; 16], u32) {
        if self.in_part > 0 || self.count == 0 {
            self.end_part();
        }
        (self.whole.finalize().into(), self.count)
    }
}

/// The hash of a file, and the result of its comparison.
pub struct FileContent {
    pub md5: [u8; 16],
    /// Whether the bytes match the ETag.
    pub matches: bool,
}

/// Reads a file once and compares it with an ETag.
pub fn compare_file(
    mut file: impl Read,
    size: u64,
    etag: Option<&str>,
) -> std::io::Result<FileContent> {
    let id = etag.map_or(ContentId::Opaque, ContentId::of);
    let mut parts: Vec<PartHasher> = match id {
        ContentId::Parts { count, .. } => {
            part_sizes(size, count, None).into_iter().map(PartHasher::new).collect()
        }
        _ => Vec::new(),
    };
    let mut whole = Md5::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let length = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        whole.update(bytes);
        for hasher in &mut parts {
            hasher.update(bytes);
        }
    }
    let md5: [u8; 16] = whole.finalize().into();
    let matches = match id {
        ContentId::Md5(wanted) => wanted == md5,
        ContentId::Parts { md5: wanted, count } => {
            parts.into_iter().any(|hasher| hasher.finish() == (wanted, count))
        }
        ContentId::Opaque => false,
    };
    Ok(FileContent { md5, matches })
}

pub fn md5_of(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

pub fn etag_of(md5: &[u8; 16]) -> String {
    hex(md5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_are_parsed() {
        let md5 = md5_of(b"abc");
        assert_eq!(ContentId::of(&etag_of(&md5)), ContentId::Md5(md5));
        assert_eq!(
            ContentId::of(&format!("{}-3", etag_of(&md5))),
            ContentId::Parts { md5, count: 3 }
        );
        for opaque in ["", "abc", "zz0150983cd24fb0d6963f7d28e17f72", "x-y", "-1"] {
            assert_eq!(ContentId::of(opaque), ContentId::Opaque, "{opaque}");
        }
    }

    #[test]
    fn parts_of_common_and_exact_sizes_are_found() {
        let bytes: Vec<u8> = (0..12_000_000_u32).map(|n| (n % 251) as u8).collect();
        for part in [5 << 20, 8 << 20, 6_000_000, 7 << 20] {
            let mut hasher = PartHasher::new(part);
            for chunk in bytes.chunks(99_991) {
                hasher.update(chunk);
            }
            let (md5, count) = hasher.finish();
            let etag = format!("{}-{count}", etag_of(&md5));
            let content = compare_file(&bytes[..], bytes.len() as u64, Some(&etag)).unwrap();
            assert_eq!(content.md5, md5_of(&bytes));
            assert_eq!(
                content.matches,
                part != 7 << 20 || part_sizes(12_000_000, 2, None).contains(&part)
            );
        }
    }
}
