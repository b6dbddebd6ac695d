//! A bucket that may be written to. There is none of a protected environment.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use md5::{Digest, Md5};
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};

use super::address::BucketSettings;
use super::client::{Call, Payload};
use super::encode;
use super::error::S3Error;
use super::object::{etag, plain_etag};
use super::pace::Timing;
use super::signing::hex;
use super::source::SourceBucket;
use super::xml::{self, Item};
use crate::settings::Destination;

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
const COPY_SOURCE: HeaderName = HeaderName::from_static("x-amz-copy-source");
const COPY_SOURCE_IF_MATCH: HeaderName = HeaderName::from_static("x-amz-copy-source-if-match");
const COPY_SOURCE_RANGE: HeaderName = HeaderName::from_static("x-amz-copy-source-range");
const METADATA_DIRECTIVE: HeaderName = HeaderName::from_static("x-amz-metadata-directive");
const ACL: HeaderName = HeaderName::from_static("x-amz-acl");

pub type Headers = Vec<(HeaderName, HeaderValue)>;

/// Writes a bucket, and reads it through [`DestinationBucket::reading`].
#[derive(Clone)]
pub struct DestinationBucket {
    pub(super) bucket: SourceBucket,
    /// A canned ACL for everything that is written; without one the bucket's own rules hold.
    acl: Option<HeaderValue>,
}

/// An object that is the source of a copy on the server.
#[derive(Debug, Clone, Copy)]
pub struct CopySource<'a> {
    pub bucket: &'a str,
    pub key: &'a str,
    /// Its ETag, which it must still have.
    pub version: &'a str,
}

/// An upload in parts that has begun.
#[derive(Debug, Clone)]
pub struct Upload {
    pub id: String,
}

/// A part that was taken.
#[derive(Debug, Clone)]
pub struct UploadedPart {
    pub number: u32,
    pub etag: String,
}

impl DestinationBucket {
    /// Takes the proof that the bucket belongs to an environment that may be written to. That it is
    /// not a protected environment's as well is for the caller to find out.
    #[expect(clippy::disallowed_methods, reason = "the caller of this is looked at")]
    pub fn new(
        settings: &BucketSettings,
        _proof: &Destination,
        acl: Option<&str>,
        jobs: usize,
    ) -> Result<DestinationBucket, S3Error> {
        let timing = Timing::default().limited(settings.timeout);
        DestinationBucket::with_timing(settings, _proof, acl, timing, jobs)
    }

    pub fn with_timing(
        settings: &BucketSettings,
        _proof: &Destination,
        acl: Option<&str>,
        timing: Timing,
        jobs: usize,
    ) -> Result<DestinationBucket, S3Error> {
        let acl = acl.map(HeaderValue::from_str).transpose().map_err(|_| {
            S3Error::BadConfiguration("`media.acl` is no name of a canned ACL".to_owned())
        })?;
        Ok(DestinationBucket { bucket: SourceBucket::with_timing(settings, timing, jobs)?, acl })
    }

    pub fn reading(&self) -> &SourceBucket {
        &self.bucket
    }

    fn with_acl(&self, mut headers: Headers) -> Headers {
        headers.extend(self.acl.clone().map(|acl| (ACL, acl)));
        headers
    }

    /// Puts an object there in one piece. The server refuses bytes that are not of this MD5.
    /// Gives the object's ETag.
    pub async fn put(
        &self,
        key: &str,
        body: Bytes,
        md5: &[u8; 16],
        headers: Headers,
    ) -> Result<String, S3Error> {
        let mut headers = self.with_acl(headers);
        headers.extend(content_md5(md5));
        let call = Call {
            headers: &headers,
            body,
            payload: Payload::Md5,
            ..Call::new(Method::PUT, "write", Some(key))
        };
        Ok(etag(self.bucket.client.ask(&call).await?.response.headers()))
    }

    pub async fn start_upload(&self, key: &str, headers: Headers) -> Result<Upload, S3Error> {
        let headers = self.with_acl(headers);
        let call = Call {
            query: &[("uploads", "")],
            headers: &headers,
            ..Call::new(Method::POST, "begin to write", Some(key))
        };
        let document = self.bucket.client.document(&call).await?;
        let mut id = None;
        xml::walk(&document, b"InitiateMultipartUploadResult", |item| {
            if let Item::End(b"UploadId", text) = item {
                id = Some(text);
            }
            Ok(())
        })
        .ok()
        .and(id)
        .filter(|id| !id.is_empty())
        .map(|id| Upload { id })
        .ok_or_else(|| S3Error::BadAnswer {
            what: self.bucket.client.what(&call),
            reason: "it has no upload id".to_owned(),
        })
    }

    pub async fn put_part(
        &self,
        key: &str,
        upload: &Upload,
        number: u32,
        body: Bytes,
        md5: &[u8; 16],
    ) -> Result<UploadedPart, S3Error> {
        let headers: Headers = content_md5(md5).into_iter().collect();
        let text = number.to_string();
        let query = [("partNumber", text.as_str()), ("uploadId", upload.id.as_str())];
        let call = Call {
            query: &query,
            headers: &headers,
            body,
            payload: Payload::Md5,
            ..Call::new(Method::PUT, "write a part of", Some(key))
        };
        let answer = self.bucket.client.ask(&call).await?;
        Ok(UploadedPart { number, etag: etag(answer.response.headers()) })
    }

    /// Copies a range of an object on the server into a part.
    pub async fn copy_part(
        &self,
        key: &str,
        upload: &Upload,
        number: u32,
        source: CopySource<'_>,
        range: std::ops::Range<u64>,
    ) -> Result<UploadedPart, S3Error> {
        let mut headers = copy_headers(source);
        let range = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        headers.extend(header(COPY_SOURCE_RANGE, &range));
        let text = number.to_string();
        let query = [("partNumber", text.as_str()), ("uploadId", upload.id.as_str())];
        let call = Call {
            query: &query,
            headers: &headers,
            slow: true,
            ..Call::new(Method::PUT, "copy a part of", Some(key))
        };
        let etag = self.copied_etag(&call).await?;
        Ok(UploadedPart { number, etag })
    }

    /// Makes an object of the parts. Gives its ETag.
    pub async fn finish_upload(
        &self,
        key: &str,
        upload: &Upload,
        parts: &[UploadedPart],
    ) -> Result<String, S3Error> {
        let mut document = String::from("<CompleteMultipartUpload>");
        for part in parts {
            document.push_str(&format!(
                "<Part><PartNumber>{}</PartNumber><ETag>&quot;{}&quot;</ETag></Part>",
                part.number,
                xml::escape(&part.etag)
            ));
        }
        document.push_str("</CompleteMultipartUpload>");
        let call = Call {
            query: &[("uploadId", &upload.id)],
            body: document.into(),
            slow: true,
            ..Call::new(Method::POST, "finish writing", Some(key))
        };
        match self.copied_etag(&call).await {
            // It may have been finished by a request whose answer was lost.
            Err(error) if error.is_not_found() => match self.bucket.head(key).await {
                Ok(meta) if Some(&meta.etag) == etag_of_parts(parts).as_ref() => Ok(meta.etag),
                _ => Err(error),
            },
            other => other,
        }
    }

    /// Throws an unfinished upload away. One that is not there any more is none.
    pub async fn abort_upload(&self, key: &str, upload: &Upload) -> Result<(), S3Error> {
        let call = Call {
            query: &[("uploadId", &upload.id)],
            ..Call::new(Method::DELETE, "give up writing", Some(key))
        };
        match self.bucket.client.ask(&call).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Copies an object on the server, with its metadata. Gives the copy's ETag.
    pub async fn copy(&self, key: &str, source: CopySource<'_>) -> Result<String, S3Error> {
        let mut headers = self.with_acl(copy_headers(source));
        headers.push((METADATA_DIRECTIVE, HeaderValue::from_static("COPY")));
        let call =
            Call { headers: &headers, slow: true, ..Call::new(Method::PUT, "copy", Some(key)) };
        self.copied_etag(&call).await
    }

    async fn copied_etag(&self, call: &Call<'_>) -> Result<String, S3Error> {
        let client = &self.bucket.client;
        let document = client.document(call).await?;
        let mut etag = None;
        for root in [&b"CopyObjectResult"[..], b"CopyPartResult", b"CompleteMultipartUploadResult"]
        {
            let walked = xml::walk(&document, root, |item| {
                if let Item::End(b"ETag", text) = item {
                    etag = Some(plain_etag(&text));
                }
                Ok(())
            });
            if walked.is_ok() {
                break;
            }
            etag = None;
        }
        etag.filter(|etag| !etag.is_empty()).ok_or_else(|| S3Error::BadAnswer {
            what: client.what(call),
            reason: "it has no ETag".to_owned(),
        })
    }
}

/// What an object of these parts is called, where the parts are called by their MD5.
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
    Some(format!("{}-{}", hex(&md5.finalize()), parts.len()))
}

fn copy_headers(source: CopySource<'_>) -> Headers {
    let place = format!("/{}/{}", source.bucket, encode::path(source.key));
    let mut headers: Headers = header(COPY_SOURCE, &place).into_iter().collect();
    if !source.version.is_empty() {
        headers.extend(header(COPY_SOURCE_IF_MATCH, &format!("\"{}\"", source.version)));
    }
    headers
}

pub(super) fn content_md5(md5: &[u8; 16]) -> Option<(HeaderName, HeaderValue)> {
    header(CONTENT_MD5, &BASE64_STANDARD.encode(md5))
}

fn header(name: HeaderName, value: &str) -> Option<(HeaderName, HeaderValue)> {
    HeaderValue::from_str(value).ok().map(|value| (name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_copies_are_encoded() {
        let source = CopySource { bucket: "b", key: "images/a b+c%é.jpg", version: "x" };
        let headers = copy_headers(source);
        assert_eq!(headers[0].1, "/b/images/a%20b%2Bc%25%C3%A9.jpg");
        assert_eq!(headers[1].1, "\"x\"");
    }
}
