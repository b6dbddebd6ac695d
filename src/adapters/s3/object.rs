//! Reads an object's properties from an answer.

use std::collections::HashMap;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{ChecksumType, ServerSideEncryption};
use jiff::Timestamp;
use reqwest::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES,
    HeaderName, HeaderValue,
};

use super::listing::{ARCHIVES, timestamp};

pub type Headers = Vec<(HeaderName, HeaderValue)>;

/// A checksum that is stored with an object.
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
    /// Cheapest first.
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
}

#[derive(Debug, Clone)]
pub struct ObjectMeta {
    /// Without quotes.
    pub etag: String,
    /// The length of the body, which may be a part.
    pub length: Option<u64>,
    /// The first byte and the size of the whole object, if the body is a part.
    pub part: Option<(u64, u64)>,
    pub modified: Option<Timestamp>,
    /// Encrypted in a way that makes the ETag something other than an MD5.
    pub etag_is_opaque: bool,
    /// The checksum of the whole object, not of its parts.
    pub checksum: Option<StoredChecksum>,
    /// The number of parts of the upload, if requested and answered.
    pub parts: Option<u32>,
    /// Archived and not restored, so it cannot be read.
    pub is_archived: bool,
    /// The headers that a copy keeps.
    pub kept: Headers,
}

/// Reads both answers, which are two types with the same fields.
macro_rules! object_meta {
    ($answer:expr) => {{
        let answer = $answer;
        let checksums = [
            answer.checksum_crc64_nvme(),
            answer.checksum_crc32(),
            answer.checksum_crc32_c(),
            answer.checksum_sha256(),
            answer.checksum_sha1(),
        ];
        let own = [
            (CONTENT_TYPE, answer.content_type()),
            (CACHE_CONTROL, answer.cache_control()),
            (CONTENT_DISPOSITION, answer.content_disposition()),
            (CONTENT_ENCODING, answer.content_encoding()),
            (CONTENT_LANGUAGE, answer.content_language()),
            (EXPIRES, answer.expires_string()),
        ];
        let encryption = answer.server_side_encryption().map_or("", ServerSideEncryption::as_str);
        ObjectMeta {
            etag: plain_etag(answer.e_tag().unwrap_or_default()),
            length: answer.content_length().and_then(|length| u64::try_from(length).ok()),
            part: answer.content_range().and_then(part),
            modified: answer.last_modified().copied().and_then(timestamp),
            etag_is_opaque: encryption.starts_with("aws:kms")
                || answer.sse_customer_algorithm().is_some(),
            checksum: checksum(checksums, answer.checksum_type()),
            parts: answer.parts_count().and_then(|count| u32::try_from(count).ok()),
            is_archived: false,
            kept: kept(own, answer.metadata()),
        }
    }};
}

impl From<&GetObjectOutput> for ObjectMeta {
    fn from(answer: &GetObjectOutput) -> ObjectMeta {
        object_meta!(answer)
    }
}

impl From<&HeadObjectOutput> for ObjectMeta {
    fn from(answer: &HeadObjectOutput) -> ObjectMeta {
        ObjectMeta { is_archived: is_archived(answer), ..object_meta!(answer) }
    }
}

fn is_archived(answer: &HeadObjectOutput) -> bool {
    let is_restored =
        answer.restore().is_some_and(|restore| restore.contains("ongoing-request=\"false\""));
    let class = answer.storage_class().is_some_and(|class| ARCHIVES.contains(&class.as_str()));
    !is_restored && (class || answer.archive_status().is_some())
}

/// An ETag without quotes and without the mark `W/`.
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

/// The first checksum present, in the order of [`Algorithm::ALL`].
fn checksum(values: [Option<&str>; 5], kind: Option<&ChecksumType>) -> Option<StoredChecksum> {
    // A composite checksum is a checksum of checksums, and ends in the number of parts.
    Algorithm::ALL
        .into_iter()
        .zip(values)
        .find_map(|(algorithm, value)| Some((algorithm, value?.to_owned())))
        .filter(|(_, value)| kind != Some(&ChecksumType::Composite) && !value.contains('-'))
        .map(|(algorithm, value)| StoredChecksum { algorithm, value })
}

fn kept(own: [(HeaderName, Option<&str>); 6], users: Option<&HashMap<String, String>>) -> Headers {
    let own = own.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned())));
    let users = users.into_iter().flatten().filter_map(|(name, value)| {
        let name = HeaderName::try_from(format!("x-amz-meta-{name}")).ok()?;
        Some((name, value.clone()))
    });
    own.chain(users)
        .filter_map(|(name, value)| Some((name, HeaderValue::try_from(value).ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_lose_quotes_and_marks() {
        for text in ["abc-2", "\"abc-2\"", " \"abc-2\" ", "W/\"abc-2\""] {
            assert_eq!(plain_etag(text), "abc-2", "{text}");
        }
    }

    #[test]
    fn answers_are_understood() {
        let answer = || {
            GetObjectOutput::builder()
                .e_tag("\"abc-2\"")
                .content_range("bytes 5-9/100")
                .content_type("image/png")
                .metadata("owner", "somebod\u{fd}")
                .checksum_crc32("AAAAAA==")
                .last_modified(aws_sdk_s3::primitives::DateTime::from_secs(1_714_557_600))
        };
        let meta = ObjectMeta::from(&answer().build());
        assert_eq!((meta.etag.as_str(), meta.part), ("abc-2", Some((5, 100))));
        assert_eq!(meta.kept.len(), 2);
        assert_eq!(meta.modified, "2024-05-01T10:00:00Z".parse().ok());
        assert_eq!(meta.checksum.map(|sum| sum.algorithm), Some(Algorithm::Crc32));
        let composite = answer().checksum_type(ChecksumType::Composite).build();
        assert_eq!(ObjectMeta::from(&composite).checksum, None);
    }

    #[test]
    fn an_archived_object_is_recognized_by_its_headers() {
        let is_archived = |class: Option<&str>, restore: Option<&str>, tier: Option<&str>| {
            let answer = HeadObjectOutput::builder()
                .set_storage_class(class.map(Into::into))
                .set_restore(restore.map(str::to_owned))
                .set_archive_status(tier.map(Into::into));
            ObjectMeta::from(&answer.build()).is_archived
        };
        let class = Some("GLACIER");
        assert!(is_archived(class, None, None));
        assert!(is_archived(class, Some("ongoing-request=\"true\""), None));
        assert!(is_archived(None, None, Some("DEEP_ARCHIVE_ACCESS")));
        assert!(!is_archived(class, Some("ongoing-request=\"false\""), None));
        assert!(!is_archived(Some("STANDARD_IA"), None, None) && !is_archived(None, None, None));
    }
}
