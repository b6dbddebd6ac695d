//! Reads the file names and contents of zip archives, one level deep.

use std::io::Read;

use flate2::read::DeflateDecoder;

const LOCAL_FILE: &[u8] = b"PK\x03\x04";

/// The flag that says that the sizes follow the data.
const SIZES_FOLLOW: u16 = 1 << 3;

pub fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(LOCAL_FILE)
}

/// Calls `found` with the name and the contents of each file, up to `limit` bytes in total, and
/// returns whether there was more.
pub fn each_file(bytes: &[u8], limit: usize, mut found: impl FnMut(&[u8], &[u8])) -> bool {
    let (mut rest, mut room) = (bytes, limit);
    while let Some(file) = LocalFile::read(rest) {
        let mut content = Vec::new();
        let most = room as u64 + 1;
        let used = match file.method {
            0 => {
                let length = file.packed.min(file.data.len());
                content.extend_from_slice(file.data.get(..length.min(room)).unwrap_or_default());
                length
            }
            8 => {
                let mut stream = DeflateDecoder::new(file.data);
                let _ = stream.by_ref().take(most).read_to_end(&mut content);
                match file.sizes_follow {
                    true => usize::try_from(stream.total_in()).unwrap_or(usize::MAX),
                    false => file.packed,
                }
            }
            _ => file.packed,
        };
        if content.len() > room {
            return true;
        }
        found(file.name, &content);
        room -= content.len();
        let after = file.data.get(used..).unwrap_or_default();
        // At most 24 bytes (the sizes) follow the data of a file.
        let next = memchr::memmem::find(after, LOCAL_FILE).filter(|at| *at <= 24);
        rest = next.and_then(|at| after.get(at..)).unwrap_or_default();
    }
    false
}

struct LocalFile<'a> {
    method: u16,
    sizes_follow: bool,
    packed: usize,
    name: &'a [u8],
    data: &'a [u8],
}

impl<'a> LocalFile<'a> {
    fn read(bytes: &'a [u8]) -> Option<LocalFile<'a>> {
        let header = bytes.get(..30).filter(|header| header.starts_with(LOCAL_FILE))?;
        let short = |at: usize| Some(u16::from_le_bytes(header.get(at..at + 2)?.try_into().ok()?));
        let long = |at: usize| Some(u32::from_le_bytes(header.get(at..at + 4)?.try_into().ok()?));
        let name_end = 30 + usize::from(short(26)?);
        let data = name_end + usize::from(short(28)?);
        Some(LocalFile {
            method: short(8)?,
            sizes_follow: short(6)? & SIZES_FOLLOW != 0,
            packed: usize::try_from(long(18)?).ok()?,
            name: bytes.get(30..name_end)?,
            data: bytes.get(data..)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(bytes: &[u8], limit: usize) -> (Vec<(String, String)>, bool) {
        let mut all = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let more = each_file(bytes, limit, |name, content| all.push((text(name), text(content))));
        (all, more)
    }

    pub fn zip(name: &str, content: &[u8], method: u16, packed: &[u8], follow: bool) -> Vec<u8> {
        let mut bytes = LOCAL_FILE.to_vec();
        bytes.extend(20_u16.to_le_bytes());
        bytes.extend((if follow { SIZES_FOLLOW } else { 0 }).to_le_bytes());
        bytes.extend(method.to_le_bytes());
        bytes.extend([0; 8]);
        let size = if follow { 0 } else { packed.len() as u32 };
        bytes.extend(size.to_le_bytes());
        bytes.extend((content.len() as u32).to_le_bytes());
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend(0_u16.to_le_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend(packed);
        if follow {
            bytes.extend(b"PK\x07\x08");
            bytes.extend([0; 12]);
        }
        bytes
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let mut encoder =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_file_is_read() {
        let text = b"write to jo@example.org";
        let packed = deflate(text);
        let bytes = [
            zip("a.txt", text, 0, text, false),
            zip("b.txt", text, 8, &packed, false),
            zip("c.txt", text, 8, &packed, true),
            zip("d.txt", text, 8, &packed, false),
            b"PK\x01\x02 and a directory".to_vec(),
        ]
        .concat();
        let (all, more) = files(&bytes, 1000);
        assert_eq!(all.len(), 4);
        assert!(all.iter().all(|(_, content)| content.as_bytes() == text) && !more);
        assert!(files(&bytes, 50).1);
        assert!(files(b"PK\x03\x04 cut off", 50).0.is_empty());
    }

    proptest::proptest! {
        #![proptest_config(crate::property_test::config(256))]

        #[test]
        fn damaged_archives_do_not_panic(at in 0..200_usize, byte: u8) {
            let packed = deflate(b"write to jo@example.org");
            let mut bytes = [zip("a", b"", 8, &packed, true), zip("b", b"x", 0, b"x", false)].concat();
            if let Some(one) = bytes.get_mut(at) {
                *one = byte;
            }
            files(&bytes, 100);
        }
    }
}
