//! What the headers of an answer say of an object.

use jiff::Timestamp;
use reqwest::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED,
};

use super::client::text;
use super::listing::ARCHIVES;

/// The headers that belong to an object and go with it when it is copied.
const KEPT: [HeaderName; 6] =
    [CONTENT_TYPE, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, EXPIRES];

/// A checksum that is kept with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChecksum {
    pub algorithm: Algorithm,
    /// In base64.
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Crc64Nvme,
    Crc32,
    Crc32c,
    Sha256,
    Sha1,
}

impl Algorithm {
    /// The cheapest first.
    pub const ALL: [Algorithm; 5] = [
        Algorithm::Crc64Nvme,
        Algorithm::Crc32,
        Algorithm::Crc32c,
        Algorithm::Sha256,
        Algorithm::Sha1,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Crc64Nvme => "CRC64NVME",
            Algorithm::Crc32 => "CRC32",
            Algorithm::Crc32c => "CRC32C",
            Algorithm::Sha256 => "SHA256",
            Algorithm::Sha1 => "SHA1",
        }
    }

    fn header(self) -> &'static str {
        match self {
            Algorithm::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Algorithm::Crc32 => "x-amz-checksum-crc32",
            Algorithm::Crc32c => "x-amz-checksum-crc32c",
            Algorithm::Sha256 => "x-amz-checksum-sha256",
            Algorithm::Sha1 => "x-amz-checksum-sha1",
        }
    }
}

#[derive(Debug, Clone)]
pub struct ObjectMeta {
    /// Without quotes.
    pub etag: String,
    /// Of the body that comes, which may be a part.
    pub length: Option<u64>,
    /// First byte and size of the whole, where the body is a part.
    pub part: Option<(u64, u64)>,
    pub modified: Option<Timestamp>,
    /// Encrypted with a key by which the ETag is no MD5.
    pub etag_is_opaque: bool,
    /// Of the whole object, not of its parts.
    pub checksum: Option<StoredChecksum>,
    /// With which size of parts it was uploaded, if this was asked for and answered.
    pub parts: Option<u32>,
    /// In an archive and not restored, so that no one can read it.
    pub is_archived: bool,
    /// What goes with the object when it is copied.
    pub kept: Vec<(HeaderName, HeaderValue)>,
}

impl ObjectMeta {
    pub fn read(headers: &HeaderMap) -> ObjectMeta {
        let encryption = text(headers, "x-amz-server-side-encryption").unwrap_or_default();
        let customer_key = headers.contains_key("x-amz-server-side-encryption-customer-algorithm");
        ObjectMeta {
            etag: etag(headers),
            length: text(headers, CONTENT_LENGTH.as_str()).and_then(|n| n.parse().ok()),
            part: text(headers, CONTENT_RANGE.as_str()).and_then(part),
            modified: text(headers, LAST_MODIFIED.as_str())
                .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
                .map(|date| date.timestamp()),
            etag_is_opaque: encryption.starts_with("aws:kms") || customer_key,
            checksum: checksum(headers),
            parts: text(headers, "x-amz-mp-parts-count").and_then(|n| n.parse().ok()),
            is_archived: is_archived(headers),
            kept: kept(headers),
        }
    }
}

fn is_archived(headers: &HeaderMap) -> bool {
    let is_restored = text(headers, "x-amz-restore")
        .is_some_and(|restore| restore.contains("ongoing-request=\"false\""));
    let class = text(headers, "x-amz-storage-class");
    let tier = headers.contains_key("x-amz-archive-status");
    !is_restored && (tier || class.is_some_and(|class| ARCHIVES.contains(&class)))
}

pub fn etag(headers: &HeaderMap) -> String {
    plain_etag(text(headers, ETAG.as_str()).unwrap_or_default())
}

/// An ETag without quotes and without the mark of a weak one.
pub fn plain_etag(text: &str) -> String {
    let text = text.trim();
    text.strip_prefix("W/").unwrap_or(text).trim_matches('"').to_owned()
}

/// `bytes 0-9/100`
fn part(range: &str) -> Option<(u64, u64)> {
    let (range, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, total.trim().parse().ok()?))
}

fn checksum(headers: &HeaderMap) -> Option<StoredChecksum> {
    // That of a composite type is a checksum of checksums, and ends in the number of parts.
    let composite = text(headers, "x-amz-checksum-type").is_some_and(|kind| kind == "COMPOSITE");
    Algorithm::ALL
        .into_iter()
        .find_map(|algorithm| {
            let value = text(headers, algorithm.header())?.to_owned();
            Some(StoredChecksum { algorithm, value })
        })
        .filter(|stored| !composite && !stored.value.contains('-'))
}

fn kept(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let own = KEPT.iter().filter_map(|name| Some((name.clone(), headers.get(name)?.clone())));
    let users = headers.iter().filter(|(name, _)| name.as_str().starts_with("x-amz-meta-"));
    own.chain(users.map(|(name, value)| (name.clone(), value.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_are_plain_whatever_stands_around_them() {
        for text in ["abc-2", "\"abc-2\"", " \"abc-2\" ", "W/\"abc-2\""] {
            assert_eq!(plain_etag(text), "abc-2", "{text}");
        }
    }

    #[test]
    fn headers_are_understood() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("etag", "\"abc-2\""),
            ("content-range", "bytes 5-9/100"),
            ("content-type", "image/png"),
            ("x-amz-meta-owner", "somebody"),
            ("x-amz-checksum-crc32", "AAAAAA=="),
            ("last-modified", "Wed, 01 May 2024 10:00:00 GMT"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let meta = ObjectMeta::read(&headers);
        assert_eq!((meta.etag.as_str(), meta.part), ("abc-2", Some((5, 100))));
        assert_eq!(meta.kept.len(), 2);
        assert_eq!(meta.modified, "2024-05-01T10:00:00Z".parse().ok());
        assert_eq!(meta.checksum.map(|sum| sum.algorithm), Some(Algorithm::Crc32));
        headers.insert("x-amz-checksum-type", HeaderValue::from_static("COMPOSITE"));
        assert_eq!(ObjectMeta::read(&headers).checksum, None);
    }

    #[test]
    fn an_archived_object_is_known_by_its_headers() {
        let is_archived = |given: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            ObjectMeta::read(&headers).is_archived
        };
        let class = ("x-amz-storage-class", "GLACIER");
        assert!(is_archived(&[class]));
        assert!(is_archived(&[class, ("x-amz-restore", "ongoing-request=\"true\"")]));
        assert!(is_archived(&[("x-amz-archive-status", "DEEP_ARCHIVE_ACCESS")]));
        assert!(!is_archived(&[class, ("x-amz-restore", "ongoing-request=\"false\"")]));
        assert!(!is_archived(&[("x-amz-storage-class", "STANDARD_IA")]) && !is_archived(&[]));
    }
}
