//! Checks while bytes arrive whether they are the object's bytes.
//!
//! A checksum that is stored with the object is used first, because it is cheap and covers the
//! whole object. Next is the ETag, if it is an MD5 or an MD5 of parts.

use aws_lc_rs::digest;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use crc_fast::CrcAlgorithm;
use md5::{Digest, Md5};

use crate::adapters::s3::{Algorithm, ObjectMeta, S3Error, SourceBucket, StoredChecksum};

use super::content::{ContentId, PartHasher, part_sizes};

pub struct Verifier {
    check: Check,
}

/// The size of an object's first part, if it was uploaded in parts and the server reports the size.
/// Ask before reading the body: each request needs a permit, and a task that holds one for a body
/// while waiting for another may wait for ever.
pub async fn first_part(
    bucket: &SourceBucket,
    key: &str,
    etag: &str,
) -> Result<Option<u64>, S3Error> {
    if !matches!(ContentId::of(etag), ContentId::Parts { .. }) {
        return Ok(None);
    }
    match bucket.first_part(key).await {
        Err(error) if error.is_transient() => Err(error),
        // Some servers do not support this request. Any other problem shows when the body is read.
        found => Ok(found.ok().flatten()),
    }
}

enum Check {
    Crc {
        hash: Box<crc_fast::Digest>,
        bytes: usize,
        wanted: String,
        name: &'static str,
    },
    Sha {
        hash: Box<digest::Context>,
        wanted: String,
        name: &'static str,
    },
    Md5 {
        hash: Box<Md5>,
        wanted: [u8; 16],
    },
    Parts {
        hashes: Vec<PartHasher>,
        wanted: ([u8; 16], u32),
    },
    /// Only the number of bytes is known.
    Length,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Same,
    Other(&'static str),
    /// The ETag looks like an MD5, but the bytes have this other MD5. Either the bytes are wrong,
    /// or the server's ETags are not MD5s.
    NotTheEtag([u8; 16]),
    /// There was no checksum to compare with.
    Unknown,
    /// The ETag is an MD5 of parts of unknown sizes. This is the MD5 of the whole; two reads with
    /// the same value returned the same bytes.
    Unproven([u8; 16]),
}

impl Verifier {
    /// Chooses the check. `first_part` is the size of the first part, if known.
    pub fn new(meta: &ObjectMeta, etag: &str, size: u64, first_part: Option<u64>) -> Verifier {
        if let Some(stored) = &meta.checksum {
            return Verifier { check: stored_check(stored) };
        }
        let check = match ContentId::of(etag) {
            _ if meta.etag_is_opaque => Check::Length,
            ContentId::Md5(wanted) => Check::Md5 { hash: Box::default(), wanted },
            ContentId::Parts { md5, count } => {
                // The last size is for comparing two reads if no part size fits.
                let sizes = part_sizes(size, count, first_part).into_iter().chain([u64::MAX]);
                let hashes = sizes.map(PartHasher::new).collect();
                Check::Parts { hashes, wanted: (md5, count) }
            }
            ContentId::Opaque => Check::Length,
        };
        Verifier { check }
    }

    /// A check for a part of an object that is verified as a whole.
    pub fn nothing() -> Verifier {
        Verifier { check: Check::Length }
    }

    /// Whether the check uses an ETag that is assumed to be an MD5.
    pub fn is_by_md5(&self) -> bool {
        matches!(self.check, Check::Md5 { .. } | Check::Parts { .. })
    }

    /// Whether the check covers more than the number of bytes.
    pub fn proves(&self) -> bool {
        !matches!(self.check, Check::Length)
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.check {
            Check::Crc { hash, .. } => hash.update(bytes),
            Check::Sha { hash, .. } => hash.update(bytes),
            Check::Md5 { hash, .. } => hash.update(bytes),
            Check::Parts { hashes, .. } => hashes.iter_mut().for_each(|one| one.update(bytes)),
            Check::Length => {}
        }
    }

    pub fn finish(self) -> Verdict {
        let verdict = |same, name| if same { Verdict::Same } else { Verdict::Other(name) };
        match self.check {
            Check::Crc { hash, bytes, wanted, name } => {
                let value = hash.finalize().to_be_bytes();
                let value = value.get(8 - bytes..).unwrap_or_default();
                verdict(BASE64_STANDARD.encode(value) == wanted, name)
            }
            Check::Sha { hash, wanted, name } => {
                verdict(BASE64_STANDARD.encode(hash.finish()) == wanted, name)
            }
            Check::Md5 { hash, wanted } => {
                let found: [u8; 16] = hash.finalize().into();
                if found == wanted { Verdict::Same } else { Verdict::NotTheEtag(found) }
            }
            Check::Parts { hashes, wanted } => {
                let found: Vec<([u8; 16], u32)> =
                    hashes.into_iter().map(PartHasher::finish).collect();
                match found.last() {
                    _ if found.contains(&wanted) => Verdict::Same,
                    Some((whole, _)) => Verdict::Unproven(*whole),
                    None => Verdict::Unknown,
                }
            }
            Check::Length => Verdict::Unknown,
        }
    }
}

fn stored_check(stored: &StoredChecksum) -> Check {
    let (wanted, name) = (stored.value.clone(), stored.algorithm.name());
    let crc = |algorithm, bytes| Check::Crc {
        hash: Box::new(crc_fast::Digest::new(algorithm)),
        bytes,
        wanted: wanted.clone(),
        name,
    };
    let sha = |algorithm| Check::Sha {
        hash: Box::new(digest::Context::new(algorithm)),
        wanted: wanted.clone(),
        name,
    };
    match stored.algorithm {
        Algorithm::Crc64Nvme => crc(CrcAlgorithm::Crc64Nvme, 8),
        Algorithm::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc, 4),
        Algorithm::Crc32c => crc(CrcAlgorithm::Crc32Iscsi, 4),
        Algorithm::Sha256 => sha(&digest::SHA256),
        Algorithm::Sha1 => sha(&digest::SHA1_FOR_LEGACY_USE_ONLY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::content::{etag_of, md5_of};

    fn meta(checksum: Option<(Algorithm, &str)>) -> ObjectMeta {
        ObjectMeta {
            etag: String::new(),
            length: None,
            part: None,
            modified: None,
            etag_is_opaque: false,
            checksum: checksum
                .map(|(algorithm, value)| StoredChecksum { algorithm, value: value.to_owned() }),
            parts: None,
            is_archived: false,
            kept: Vec::new(),
        }
    }

    fn verdict(meta: &ObjectMeta, etag: &str, bytes: &[u8]) -> Verdict {
        let mut verifier = Verifier::new(meta, etag, bytes.len() as u64, None);
        verifier.update(bytes);
        verifier.finish()
    }

    #[test]
    fn every_checksum_recognises_its_bytes() {
        // The published check values of "123456789".
        for (algorithm, value) in [
            (Algorithm::Crc32, "y/Q5Jg=="),
            (Algorithm::Crc32c, "4waSgw=="),
            (Algorithm::Crc64Nvme, "rosUhgp5mIg="),
            (Algorithm::Sha1, "98O8HYCOBHMq32eZZczDTKeuNEE="),
            (Algorithm::Sha256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        ] {
            let meta = meta(Some((algorithm, value)));
            assert_eq!(verdict(&meta, "", b"123456789"), Verdict::Same, "{algorithm:?}");
            assert_eq!(verdict(&meta, "", b"123456780"), Verdict::Other(algorithm.name()));
        }
    }

    #[test]
    fn etags_recognise_their_bytes() {
        let etag = etag_of(&md5_of(b"abc"));
        assert_eq!(verdict(&meta(None), &etag, b"abc"), Verdict::Same);
        let other = Verdict::NotTheEtag(md5_of(b"abd"));
        assert_eq!(verdict(&meta(None), &etag, b"abd"), other);
        assert_eq!(verdict(&meta(None), "opaque", b"abd"), Verdict::Unknown);
        let parts = format!("{}-1", etag_of(&md5_of(&md5_of(b"abc"))));
        assert_eq!(verdict(&meta(None), &parts, b"abc"), Verdict::Same);
        assert!(matches!(verdict(&meta(None), &parts, b"abd"), Verdict::Unproven(_)));
        let encrypted = ObjectMeta { etag_is_opaque: true, ..meta(None) };
        assert_eq!(verdict(&encrypted, &etag, b"abd"), Verdict::Unknown);
    }
}
