//! Checks a body against the uploader's declarations.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use hyper::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::{PutObjectInput, StreamingBlob, UploadPartInput};
use s3s::stream::ByteStream as _;
use s3s::{S3Request, S3Result, TrailingHeaders, s3_error};

use super::operations::collect;
use super::store::{Checksums, md5};

/// The declarations about the body in the headers.
#[derive(Default)]
pub struct Declared {
    md5: Option<String>,
    sums: Checksums,
}

/// The real properties of the body.
pub struct Sums {
    pub md5: [u8; 16],
    /// The declared checksums, in a header or after the body.
    pub checksums: Option<Checksums>,
}

impl Declared {
    pub fn of_put(request: &S3Request<PutObjectInput>) -> Declared {
        let input = &request.input;
        Declared {
            md5: input.content_md5.clone(),
            sums: Checksums {
                crc32: input.checksum_crc32.clone(),
                crc32c: input.checksum_crc32c.clone(),
                crc64nvme: input.checksum_crc64nvme.clone(),
                sha1: input.checksum_sha1.clone(),
                sha256: input.checksum_sha256.clone(),
            },
        }
    }

    pub fn of_part(request: &S3Request<UploadPartInput>) -> Declared {
        let input = &request.input;
        Declared {
            md5: input.content_md5.clone(),
            sums: Checksums {
                crc32: input.checksum_crc32.clone(),
                crc32c: input.checksum_crc32c.clone(),
                crc64nvme: input.checksum_crc64nvme.clone(),
                sha1: input.checksum_sha1.clone(),
                sha256: input.checksum_sha256.clone(),
            },
        }
    }

    /// Refuses a body that differs from its declarations.
    pub fn check(mut self, body: &Bytes, trailers: Option<&TrailingHeaders>) -> S3Result<Sums> {
        if let Some(trailers) = trailers {
            trailers.read(|headers| self.add_trailers(headers));
        }
        let sum = md5(body);
        if self.md5.is_some_and(|declared| declared != BASE64_STANDARD.encode(sum)) {
            return Err(s3_error!(BadDigest));
        }
        let declared = self.sums;
        if declared == Checksums::default() {
            return Ok(Sums { md5: sum, checksums: None });
        }
        let mut hasher = ChecksumHasher {
            crc32: declared.crc32.as_ref().map(|_| Crc32::new()),
            crc32c: declared.crc32c.as_ref().map(|_| Crc32c::new()),
            crc64nvme: declared.crc64nvme.as_ref().map(|_| Crc64Nvme::new()),
            sha1: declared.sha1.as_ref().map(|_| Sha1::new()),
            sha256: declared.sha256.as_ref().map(|_| Sha256::new()),
        };
        hasher.update(body);
        let found = hasher.finalize();
        let found = Checksums {
            crc32: found.checksum_crc32,
            crc32c: found.checksum_crc32c,
            crc64nvme: found.checksum_crc64nvme,
            sha1: found.checksum_sha1,
            sha256: found.checksum_sha256,
        };
        if found != declared {
            return Err(s3_error!(BadDigest));
        }
        Ok(Sums { md5: sum, checksums: Some(declared) })
    }

    fn add_trailers(&mut self, headers: &HeaderMap) {
        let text =
            |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let sums = &mut self.sums;
        for (slot, name) in [
            (&mut sums.crc32, "x-amz-checksum-crc32"),
            (&mut sums.crc32c, "x-amz-checksum-crc32c"),
            (&mut sums.crc64nvme, "x-amz-checksum-crc64nvme"),
            (&mut sums.sha1, "x-amz-checksum-sha1"),
            (&mut sums.sha256, "x-amz-checksum-sha256"),
        ] {
            *slot = slot.take().or_else(|| text(name));
        }
    }
}

pub async fn take_body(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    match body {
        Some(body) => {
            let length = body.remaining_length().exact().unwrap_or(0);
            collect(body, length).await
        }
        None => Ok(Bytes::new()),
    }
}
