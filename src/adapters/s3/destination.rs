//! Writes to a bucket. A protected environment has no such bucket.

use std::ops::Range;

use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::types::{
    CompletedMultipartUpload, CompletedPart, MetadataDirective, ObjectCannedAcl,
};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use md5::{Digest, Md5};
use reqwest::header::HeaderValue;

use super::address::BucketSettings;
use super::encode;
use super::error::S3Error;
use super::object::{Headers, plain_etag};
use super::source::SourceBucket;
use crate::settings::Destination;

/// Writes a bucket, and reads it through [`DestinationBucket::reading`].
#[derive(Clone)]
pub struct DestinationBucket {
    pub(super) bucket: SourceBucket,
    /// A canned ACL for all written objects. Without one the bucket's own rules apply.
    acl: Option<ObjectCannedAcl>,
}

/// An object that is the source of a copy on the server.
#[derive(Debug, Clone, Copy)]
pub struct CopySource<'a> {
    pub bucket: &'a str,
    pub key: &'a str,
    /// The ETag that the object must still have.
    pub version: &'a str,
}

/// A multipart upload that has begun.
#[derive(Debug, Clone)]
pub struct Upload {
    pub id: String,
}

/// A part that the server accepted.
#[derive(Debug, Clone)]
pub struct UploadedPart {
    pub number: u32,
    pub etag: String,
}

impl DestinationBucket {
    /// Takes the proof that the environment may be written to. The caller must also check that no
    /// protected environment uses the same bucket.
    pub fn new(
        settings: &BucketSettings,
        _proof: &Destination,
        acl: Option<&str>,
        jobs: usize,
    ) -> Result<DestinationBucket, S3Error> {
        if acl.is_some_and(|acl| HeaderValue::from_str(acl).is_err()) {
            let text = "`media.acl` is not the name of a canned ACL".to_owned();
            return Err(S3Error::BadConfiguration(text));
        }
        let acl = acl.map(ObjectCannedAcl::from);
        Ok(DestinationBucket { bucket: SourceBucket::new(settings, jobs)?, acl })
    }

    pub fn reading(&self) -> &SourceBucket {
        &self.bucket
    }

    /// Writes an object in one piece, and returns its ETag. The server refuses bytes with another
    /// MD5.
    pub async fn put(
        &self,
        key: &str,
        body: Bytes,
        md5: &[u8; 16],
        headers: Headers,
    ) -> Result<String, S3Error> {
        let plain = plain_spaces(&headers);
        match (self.put_once(key, body.clone(), md5, headers).await, plain) {
            (Err(error), Some(plain)) if error.is_wrong_signature() => {
                self.put_once(key, body, md5, plain).await
            }
            (answer, _) => answer,
        }
    }

    async fn put_once(
        &self,
        key: &str,
        body: Bytes,
        md5: &[u8; 16],
        headers: Headers,
    ) -> Result<String, S3Error> {
        let client = &self.bucket.client;
        let request = client.sdk.put_object().bucket(client.bucket()).key(key);
        let request = request
            .body(body.into())
            .content_md5(base64(md5))
            .set_acl(self.acl.clone())
            .customize()
            .disable_payload_signing()
            .mutate_request(with(headers));
        let answer = request.send().await.map_err(client.failed("write", Some(key)))?;
        Ok(plain_etag(answer.e_tag().unwrap_or_default()))
    }

    pub async fn start_upload(&self, key: &str, headers: Headers) -> Result<Upload, S3Error> {
        let plain = plain_spaces(&headers);
        match (self.start_upload_once(key, headers).await, plain) {
            (Err(error), Some(plain)) if error.is_wrong_signature() => {
                self.start_upload_once(key, plain).await
            }
            (answer, _) => answer,
        }
    }

    async fn start_upload_once(&self, key: &str, headers: Headers) -> Result<Upload, S3Error> {
        let (client, verb) = (&self.bucket.client, "begin to write");
        let request = client.sdk.create_multipart_upload().bucket(client.bucket()).key(key);
        let request = request.set_acl(self.acl.clone()).customize().mutate_request(with(headers));
        let answer = request.send().await.map_err(client.failed(verb, Some(key)))?;
        let id = answer.upload_id.filter(|id| !id.is_empty());
        Ok(Upload { id: id.ok_or_else(|| client.without(verb, key, "upload id"))? })
    }

    pub async fn put_part(
        &self,
        key: &str,
        upload: &Upload,
        number: u32,
        body: Bytes,
        md5: &[u8; 16],
    ) -> Result<UploadedPart, S3Error> {
        let client = &self.bucket.client;
        let request = client.sdk.upload_part().bucket(client.bucket()).key(key);
        let request = request
            .upload_id(&upload.id)
            .part_number(number.cast_signed())
            .content_md5(base64(md5))
            .body(body.into())
            .customize()
            .disable_payload_signing();
        let answer = request.send().await.map_err(client.failed("write a part of", Some(key)))?;
        Ok(UploadedPart { number, etag: plain_etag(answer.e_tag().unwrap_or_default()) })
    }

    /// Copies a range of an object on the server into a part.
    pub async fn copy_part(
        &self,
        key: &str,
        upload: &Upload,
        number: u32,
        source: CopySource<'_>,
        range: Range<u64>,
    ) -> Result<UploadedPart, S3Error> {
        let (client, verb) = (&self.bucket.client, "copy a part of");
        let range = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let request = client.sdk.upload_part_copy().bucket(client.bucket()).key(key);
        let request = request
            .upload_id(&upload.id)
            .part_number(number.cast_signed())
            .copy_source(source.place())
            .set_copy_source_if_match(source.if_match())
            .copy_source_range(range);
        let answer = request.send().await.map_err(client.failed(verb, Some(key)))?;
        let etag = answer.copy_part_result().and_then(|copied| copied.e_tag());
        Ok(UploadedPart { number, etag: self.etag(etag, verb, key)? })
    }

    /// Makes an object from the parts, and returns its ETag.
    pub async fn finish_upload(
        &self,
        key: &str,
        upload: &Upload,
        parts: &[UploadedPart],
    ) -> Result<String, S3Error> {
        let (client, verb) = (&self.bucket.client, "finish writing");
        let of_part = |part: &UploadedPart| {
            let etag = format!("\"{}\"", part.etag);
            CompletedPart::builder().part_number(part.number.cast_signed()).e_tag(etag).build()
        };
        let all = CompletedMultipartUpload::builder()
            .set_parts(Some(parts.iter().map(of_part).collect()))
            .build();
        let request = client.sdk.complete_multipart_upload().bucket(client.bucket()).key(key);
        let request = request.upload_id(&upload.id).multipart_upload(all);
        match request.send().await.map_err(client.failed(verb, Some(key))) {
            Ok(answer) => self.etag(answer.e_tag(), verb, key),
            // An earlier request whose answer was lost may have finished the upload.
            Err(error) if error.is_not_found() => match self.bucket.head(key).await {
                Ok(meta) if Some(&meta.etag) == etag_of_parts(parts).as_ref() => Ok(meta.etag),
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Deletes an unfinished upload. A missing upload counts as deleted.
    pub async fn abort_upload(&self, key: &str, upload: &Upload) -> Result<(), S3Error> {
        let client = &self.bucket.client;
        let request = client.sdk.abort_multipart_upload().bucket(client.bucket()).key(key);
        let request = request.upload_id(&upload.id);
        match request.send().await.map_err(client.failed("cancel the upload of", Some(key))) {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Copies an object on the server, with its metadata, and returns the copy's ETag.
    pub async fn copy(&self, key: &str, source: CopySource<'_>) -> Result<String, S3Error> {
        let client = &self.bucket.client;
        let request = client.sdk.copy_object().bucket(client.bucket()).key(key);
        let request = request
            .copy_source(source.place())
            .set_copy_source_if_match(source.if_match())
            .metadata_directive(MetadataDirective::Copy)
            .set_acl(self.acl.clone());
        let answer = request.send().await.map_err(client.failed("copy", Some(key)))?;
        let etag = answer.copy_object_result().and_then(|copied| copied.e_tag());
        self.etag(etag, "copy", key)
    }

    fn etag(&self, etag: Option<&str>, verb: &str, key: &str) -> Result<String, S3Error> {
        let etag = etag.map(plain_etag).filter(|etag| !etag.is_empty());
        etag.ok_or_else(|| self.bucket.client.without(verb, key, "ETag"))
    }
}

impl CopySource<'_> {
    /// In the SDK's form.
    fn place(&self) -> String {
        format!("{}/{}", self.bucket, encode::path(self.key))
    }

    fn if_match(&self) -> Option<String> {
        (!self.version.is_empty()).then(|| format!("\"{}\"", self.version))
    }
}

/// The ETag of an object made from these parts, if the parts' ETags are MD5 sums.
fn etag_of_parts(parts: &[UploadedPart]) -> Option<String> {
    let mut md5 = Md5::new();
    for part in parts {
        let digits = part.etag.as_bytes();
        if digits.len() != 32 {
            return None;
        }
        for pair in digits.chunks_exact(2) {
            md5.update([u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?]);
        }
    }
    Some(format!("{}-{}", hex::encode(md5.finalize()), parts.len()))
}

pub(super) fn base64(md5: &[u8]) -> String {
    BASE64_STANDARD.encode(md5)
}

/// Adds headers, which are signed with the request.
fn with(headers: Headers) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
    move |request| {
        for (name, value) in &headers {
            if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
                request.headers_mut().insert(name.as_str().to_owned(), value.to_owned());
            }
        }
    }
}

/// The same headers with plain spaces, if they hold other spaces. A signature counts several spaces
/// as one, and some servers treat more characters as spaces than S3 does, so they refuse the
/// signature.
fn plain_spaces(headers: &Headers) -> Option<Headers> {
    let odd = |c: char| c.is_whitespace() && c != ' ';
    let mut is_odd = false;
    let plain = headers.iter().map(|(name, value)| {
        let text = std::str::from_utf8(value.as_bytes()).ok().filter(|text| text.contains(odd));
        is_odd |= text.is_some();
        let value = text
            .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
            .and_then(|text| HeaderValue::try_from(text).ok())
            .unwrap_or_else(|| value.clone());
        (name.clone(), value)
    });
    let plain = plain.collect();
    is_odd.then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_copies_are_encoded() {
        let source = CopySource { bucket: "b", key: "images/a b+c%é.jpg", version: "x" };
        assert_eq!(source.place(), "b/images/a%20b%2Bc%25%C3%A9.jpg");
        assert_eq!(source.if_match().as_deref(), Some("\"x\""));
    }

    #[test]
    fn odd_spaces_become_plain_ones() {
        let header = |value: &str| {
            let name = reqwest::header::HeaderName::from_static("x-amz-meta-title");
            vec![(name, HeaderValue::try_from(value).unwrap())]
        };
        let odd = header("\u{a0}a \u{2003} b\u{85}");
        assert_eq!(plain_spaces(&odd), Some(header("a b")));
        assert_eq!(plain_spaces(&header("a  b")), None);
        assert_eq!(plain_spaces(&header("\u{e9}\u{200b}")), None);
    }
}
