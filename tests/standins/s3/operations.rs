//! Runs the operations of S3 on the store. The `s3s` crate handles signatures, XML and chunked
//! bodies.

use std::ops::Bound;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::store::{Archive, Headers, Object, Store, hex, md5, now};
use super::upload::{Declared, take_body};

const PAGE: usize = 1000;

pub fn etag(value: &str) -> ETag {
    ETag::Strong(value.to_owned())
}

impl Store {
    pub fn find(&self, bucket: &str, key: &str) -> S3Result<Arc<Object>> {
        let contents = self.contents();
        let bucket = contents.buckets.get(bucket).ok_or_else(|| s3_error!(NoSuchBucket))?;
        bucket.get(key).cloned().ok_or_else(|| s3_error!(NoSuchKey))
    }

    pub fn insert(&self, bucket: &str, key: &str, object: Object) -> S3Result<()> {
        let mut contents = self.contents();
        let bucket = contents.buckets.get_mut(bucket).ok_or_else(|| s3_error!(NoSuchBucket))?;
        bucket.insert(key.to_owned(), Arc::new(object));
        Ok(())
    }

    pub fn check_copy(&self, source: &Object, if_match: Option<&ETagCondition>) -> S3Result<()> {
        match self.ignores_conditions.load(std::sync::atomic::Ordering::Relaxed) {
            true => Ok(()),
            false => check_conditions(source, if_match, None),
        }
    }

    pub fn copy_source(&self, source: &CopySource) -> S3Result<Arc<Object>> {
        match source {
            CopySource::Bucket { bucket, key, .. } => {
                let object = self.find(bucket, key)?;
                check_readable(&object)?;
                Ok(object)
            }
            CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
                Err(s3_error!(NotImplemented))
            }
        }
    }
}

/// An archived object has readable metadata, but no readable body.
pub fn check_readable(object: &Object) -> S3Result<()> {
    match object.archive {
        Archive::Class(_) => Err(s3_error!(InvalidObjectState)),
        Archive::None | Archive::Restored(_) => Ok(()),
    }
}

pub fn check_conditions(
    object: &Object,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    let is = |condition: &ETagCondition| {
        condition.is_any()
            || condition.as_etag().is_some_and(|wanted| wanted.value() == object.etag)
    };
    if if_match.is_some_and(|condition| !is(condition)) {
        return Err(s3_error!(PreconditionFailed));
    }
    if if_none_match.is_some_and(is) {
        return Err(s3_error!(NotModified));
    }
    Ok(())
}

/// `bytes=first-last` of `x-amz-copy-source-range`.
pub fn copy_range(text: &str) -> S3Result<std::ops::Range<usize>> {
    let parse = || {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        Some(first.parse().ok()?..last.parse::<usize>().ok()? + 1)
    };
    parse().ok_or_else(|| s3_error!(InvalidArgument))
}

/// Percent-encoding of keys in a listing with `encoding-type=url`: as AWS, `/` stays.
fn url_encoded(key: &str) -> String {
    let mut text = String::new();
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => {
                text.push(char::from(byte));
            }
            b' ' => text.push('+'),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[async_trait::async_trait]
impl S3 for Store {
    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let object = self.find(&input.bucket, &input.key)?;
        check_readable(&object)?;
        check_conditions(&object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let total = object.body.len() as u64;
        let range = match &input.range {
            Some(range) => Some(range.check(total).map_err(|_| s3_error!(InvalidRange))?),
            None => None,
        };
        let body = match &range {
            Some(range) => object.body.slice(range.start as usize..range.end as usize),
            None => object.body.clone(),
        };
        let headers = object.headers.clone();
        // A checksum covers the whole object, so AWS omits it for a part.
        let wanted = input.checksum_mode.is_some() && range.is_none();
        let checksums = if wanted { object.checksums.clone() } else { Default::default() };
        let output = GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(body.len() as i64),
            content_range: range.map(|r| format!("bytes {}-{}/{total}", r.start, r.end - 1)),
            body: Some(StreamingBlob::from(s3s::Body::from(body))),
            e_tag: Some(etag(&object.etag)),
            last_modified: Some(object.modified.into()),
            content_type: headers.content_type,
            cache_control: headers.cache_control,
            content_disposition: headers.content_disposition,
            content_encoding: headers.content_encoding,
            content_language: headers.content_language,
            metadata: Some(headers.metadata.into_iter().collect()),
            checksum_crc32: checksums.crc32,
            checksum_crc32c: checksums.crc32c,
            checksum_crc64nvme: checksums.crc64nvme,
            checksum_sha1: checksums.sha1,
            checksum_sha256: checksums.sha256,
            ..GetObjectOutput::default()
        };
        Ok(S3Response::new(output))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        let object = self.find(&input.bucket, &input.key)?;
        check_conditions(&object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let headers = object.headers.clone();
        let checksums = if input.checksum_mode.is_some() {
            object.checksums.clone()
        } else {
            Default::default()
        };
        let mut output = HeadObjectOutput {
            storage_class: object.archive.class().map(StorageClass::from_static),
            content_length: Some(object.body.len() as i64),
            e_tag: Some(etag(&object.etag)),
            last_modified: Some(object.modified.into()),
            content_type: headers.content_type,
            cache_control: headers.cache_control,
            content_disposition: headers.content_disposition,
            content_encoding: headers.content_encoding,
            content_language: headers.content_language,
            metadata: Some(headers.metadata.into_iter().collect()),
            checksum_crc32: checksums.crc32,
            checksum_crc64nvme: checksums.crc64nvme,
            ..HeadObjectOutput::default()
        };
        if input.part_number == Some(1) && !object.parts.is_empty() {
            output.content_length = object.parts.first().map(|size| *size as i64);
            output.parts_count = Some(object.parts.len() as i32);
        }
        Ok(S3Response::new(output))
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let declared = Declared::of_put(&request);
        let mut input = request.input;
        let body = take_body(input.body.take()).await?;
        let sums = declared.check(&body, request.trailing_headers.as_ref())?;
        let etag_value = hex(&sums.md5);
        let given = sums.checksums;
        let checksums = given.unwrap_or_else(|| self.default_checksums(&body));
        if let Some(condition) = &input.if_none_match
            && condition.is_any()
            && self.find(&input.bucket, &input.key).is_ok()
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let object = Object {
            body,
            etag: etag_value.clone(),
            modified: now(),
            headers: Headers {
                content_type: input.content_type,
                cache_control: input.cache_control,
                content_disposition: input.content_disposition,
                content_encoding: input.content_encoding,
                content_language: input.content_language,
                metadata: input.metadata.unwrap_or_default().into_iter().collect(),
            },
            checksums,
            acl: input.acl.map(|acl| acl.as_str().to_owned()),
            parts: Vec::new(),
            archive: Default::default(),
        };
        self.insert(&input.bucket, &input.key, object)?;
        let e_tag = Some(etag(&etag_value));
        Ok(S3Response::new(PutObjectOutput { e_tag, ..PutObjectOutput::default() }))
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = request.input;
        let source = self.copy_source(&input.copy_source)?;
        self.check_copy(&source, input.copy_source_if_match.as_ref())?;
        let mut object = (*source).clone();
        object.modified = now();
        object.archive = Archive::None;
        // The source's rights are not copied: by default the copy is private.
        object.acl = input.acl.map(|acl| acl.as_str().to_owned());
        if !object.parts.is_empty() {
            object.etag = hex(&md5(&object.body));
            object.parts.clear();
        }
        if input.metadata_directive.is_some_and(|directive| directive.as_str() == "REPLACE") {
            object.headers = Headers {
                content_type: input.content_type,
                cache_control: input.cache_control,
                content_disposition: input.content_disposition,
                content_encoding: input.content_encoding,
                content_language: input.content_language,
                metadata: input.metadata.unwrap_or_default().into_iter().collect(),
            };
        }
        let result = CopyObjectResult {
            e_tag: Some(etag(&object.etag)),
            last_modified: Some(object.modified.into()),
            ..CopyObjectResult::default()
        };
        self.insert(&input.bucket, &input.key, object)?;
        let copy_object_result = Some(result);
        Ok(S3Response::new(CopyObjectOutput { copy_object_result, ..Default::default() }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let encode = input.encoding_type.as_ref().is_some_and(|kind| kind.as_str() == "url");
        let spell = |key: &str| if encode { url_encoded(key) } else { key.to_owned() };
        let contents = self.contents();
        let bucket = contents.buckets.get(&input.bucket).ok_or_else(|| s3_error!(NoSuchBucket))?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = match &input.continuation_token {
            Some(token) => {
                let bytes =
                    BASE64_STANDARD.decode(token).map_err(|_| s3_error!(InvalidArgument))?;
                Some(String::from_utf8(bytes).map_err(|_| s3_error!(InvalidArgument))?)
            }
            None => input.start_after.clone(),
        };
        let start = match &after {
            Some(after) if *after >= prefix => Bound::Excluded(after.as_str()),
            _ => Bound::Included(prefix.as_str()),
        };
        let limit = input.max_keys.map_or(PAGE, |keys| (keys.max(0) as usize).min(PAGE));
        let mut objects = Vec::new();
        let mut groups: Vec<CommonPrefix> = Vec::new();
        let mut last = None;
        let mut truncated = false;
        for (key, object) in bucket.range::<str, _>((start, Bound::Unbounded)) {
            let Some(rest) = key.strip_prefix(prefix.as_str()) else { break };
            let cut = input.delimiter.as_ref().and_then(|delimiter| {
                rest.find(delimiter.as_str()).map(|at| prefix.len() + at + delimiter.len())
            });
            if let Some(end) = cut {
                let group = spell(&key[..end]);
                if groups.last().is_some_and(|last| last.prefix.as_deref() == Some(&group)) {
                    last = Some(key.clone());
                    continue;
                }
                if objects.len() + groups.len() == limit {
                    truncated = true;
                    break;
                }
                groups.push(CommonPrefix { prefix: Some(group) });
            } else {
                if objects.len() + groups.len() == limit {
                    truncated = true;
                    break;
                }
                objects.push(s3s::dto::Object {
                    key: Some(spell(key)),
                    size: Some(object.body.len() as i64),
                    e_tag: Some(etag(&object.etag)),
                    last_modified: Some(object.modified.into()),
                    storage_class: Some(ObjectStorageClass::from_static(
                        object.archive.class().unwrap_or("STANDARD"),
                    )),
                    ..Default::default()
                });
            }
            last = Some(key.clone());
        }
        let next_continuation_token =
            last.filter(|_| truncated).map(|key| BASE64_STANDARD.encode(key));
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket.clone()),
            key_count: Some((objects.len() + groups.len()) as i32),
            max_keys: Some(limit as i32),
            prefix: Some(spell(&prefix)),
            delimiter: input.delimiter,
            encoding_type: input.encoding_type,
            is_truncated: Some(truncated),
            contents: Some(objects),
            common_prefixes: Some(groups),
            continuation_token: input.continuation_token,
            next_continuation_token,
            ..Default::default()
        }))
    }

    async fn list_buckets(
        &self,
        _request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let buckets = self
            .contents()
            .buckets
            .keys()
            .map(|name| s3s::dto::Bucket { name: Some(name.clone()), ..Default::default() })
            .collect();
        Ok(S3Response::new(ListBucketsOutput { buckets: Some(buckets), ..Default::default() }))
    }

    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        self.contents().buckets.entry(request.input.bucket).or_default();
        Ok(S3Response::new(CreateBucketOutput::default()))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        if !self.contents().buckets.contains_key(&request.input.bucket) {
            return Err(s3_error!(NoSuchBucket));
        }
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(
        &self,
        _request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = request.input;
        let mut contents = self.contents();
        let bucket =
            contents.buckets.get_mut(&input.bucket).ok_or_else(|| s3_error!(NoSuchBucket))?;
        bucket.remove(&input.key);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let input = request.input;
        if input.delete.objects.len() > PAGE {
            return Err(s3_error!(MalformedXML));
        }
        let mut contents = self.contents();
        let bucket =
            contents.buckets.get_mut(&input.bucket).ok_or_else(|| s3_error!(NoSuchBucket))?;
        let mut deleted = Vec::new();
        for one in input.delete.objects {
            bucket.remove(&one.key);
            deleted.push(DeletedObject { key: Some(one.key), ..Default::default() });
        }
        let quiet = input.delete.quiet.unwrap_or(false);
        let deleted = if quiet { Vec::new() } else { deleted };
        Ok(S3Response::new(DeleteObjectsOutput { deleted: Some(deleted), ..Default::default() }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.do_create_multipart_upload(request).await
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.do_upload_part(request).await
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        self.do_upload_part_copy(request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.do_complete_multipart_upload(request).await
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.do_abort_multipart_upload(request).await
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        self.do_list_multipart_uploads(request).await
    }
}

/// Reads a stream to its end.
pub async fn collect(mut stream: StreamingBlob, length: usize) -> S3Result<Bytes> {
    let mut body = BytesMut::with_capacity(length);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| s3_error!(IncompleteBody))?;
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
