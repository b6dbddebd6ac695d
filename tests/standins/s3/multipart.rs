//! Handles uploads in parts.

use bytes::{Bytes, BytesMut};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::operations::{copy_range, etag};
use super::store::{Headers, Object, Part, Store, Upload, hex, md5, multipart_etag, now};
use super::upload::{Declared, take_body};

impl Store {
    pub async fn do_create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = request.input;
        let mut contents = self.contents();
        if !contents.buckets.contains_key(&input.bucket) {
            return Err(s3_error!(NoSuchBucket));
        }
        let upload_id = contents.start_upload(Upload {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            headers: Headers {
                content_type: input.content_type,
                cache_control: input.cache_control,
                content_disposition: input.content_disposition,
                content_encoding: input.content_encoding,
                content_language: input.content_language,
                metadata: input.metadata.unwrap_or_default().into_iter().collect(),
            },
            acl: input.acl.map(|acl| acl.as_str().to_owned()),
            parts: Default::default(),
            started: now(),
        });
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_id),
            ..Default::default()
        }))
    }

    pub async fn do_upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let declared = Declared::of_part(&request);
        let mut input = request.input;
        let body = take_body(input.body.take()).await?;
        let sums = declared.check(&body, request.trailing_headers.as_ref())?;
        let e_tag = Some(etag(&hex(&sums.md5)));
        self.add_part(&input.upload_id, input.part_number, Part { body, md5: sums.md5 })?;
        Ok(S3Response::new(UploadPartOutput { e_tag, ..Default::default() }))
    }

    pub async fn do_upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = request.input;
        let source = self.copy_source(&input.copy_source)?;
        self.check_copy(&source, input.copy_source_if_match.as_ref())?;
        let range = match &input.copy_source_range {
            Some(text) => copy_range(text)?,
            None => 0..source.body.len(),
        };
        if range.start > range.end || range.end > source.body.len() {
            return Err(s3_error!(InvalidRange));
        }
        let body = source.body.slice(range);
        let part = Part { md5: md5(&body), body };
        let result =
            CopyPartResult { e_tag: Some(etag(&hex(&part.md5))), ..CopyPartResult::default() };
        self.add_part(&input.upload_id, input.part_number, part)?;
        let copy_part_result = Some(result);
        Ok(S3Response::new(UploadPartCopyOutput { copy_part_result, ..Default::default() }))
    }

    pub async fn do_complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        let wanted = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let upload = self
            .contents()
            .uploads
            .remove(&input.upload_id)
            .ok_or_else(|| s3_error!(NoSuchUpload))?;
        let mut body = BytesMut::new();
        let mut sums = Vec::new();
        let mut sizes = Vec::new();
        for (index, one) in wanted.iter().enumerate() {
            let number = one.part_number.unwrap_or_default();
            let part = upload.parts.get(&number).ok_or_else(|| s3_error!(InvalidPart))?;
            let given = one.e_tag.as_ref().map(|tag| tag.value().to_owned());
            if given.as_deref() != Some(&hex(&part.md5)) {
                return Err(s3_error!(InvalidPart));
            }
            if part.body.len() < 5 << 20 && index + 1 < wanted.len() {
                return Err(s3_error!(EntityTooSmall));
            }
            body.extend_from_slice(&part.body);
            sums.push(part.md5);
            sizes.push(part.body.len() as u64);
        }
        let body: Bytes = body.freeze();
        let object = Object {
            etag: multipart_etag(sums.into_iter()),
            modified: now(),
            checksums: self.default_checksums(&body),
            headers: upload.headers,
            acl: upload.acl,
            parts: sizes,
            archive: Default::default(),
            body,
        };
        let e_tag = Some(etag(&object.etag));
        self.insert(&input.bucket, &input.key, object)?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag,
            ..Default::default()
        }))
    }

    pub async fn do_abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.contents()
            .uploads
            .remove(&request.input.upload_id)
            .ok_or_else(|| s3_error!(NoSuchUpload))?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    pub async fn do_list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = request.input;
        let prefix = input.prefix.unwrap_or_default();
        let contents = self.contents();
        let mut uploads: Vec<MultipartUpload> = contents
            .uploads
            .iter()
            .filter(|(_, one)| one.bucket == input.bucket && one.key.starts_with(&prefix))
            .map(|(id, one)| MultipartUpload {
                key: Some(one.key.clone()),
                upload_id: Some(id.clone()),
                initiated: Some(one.started.into()),
                ..Default::default()
            })
            .collect();
        uploads.sort_by(|a, b| (&a.key, &a.upload_id).cmp(&(&b.key, &b.upload_id)));
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            uploads: Some(uploads),
            is_truncated: Some(false),
            ..Default::default()
        }))
    }

    fn add_part(&self, upload: &str, number: i32, part: Part) -> S3Result<()> {
        let mut contents = self.contents();
        let upload = contents.uploads.get_mut(upload).ok_or_else(|| s3_error!(NoSuchUpload))?;
        upload.parts.insert(number, part);
        Ok(())
    }
}
