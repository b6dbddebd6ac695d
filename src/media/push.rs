//! Copies files from the folder into a bucket. The server refuses bytes that do not match the MD5
//! sent with them, and a file that changes while it is read is reported as failed.

use std::collections::HashSet;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use tokio::sync::Semaphore;

use crate::adapters::s3::{DestinationBucket, Headers, Upload, UploadedPart};

use super::content::{etag_of, md5_of};
use super::content_types::content_type;
use super::engine::{Counted, Outcome, Progression, for_each};
use super::error::MediaError;
use super::index::Entry;
use super::local::{Folder, LocalFile};
use super::uploads::Uploads;

/// Above this size an object is uploaded in parts.
pub const IN_PARTS: u64 = 16 << 20;
/// The part size of the aws CLI and boto3, so that ETags agree.
const PART: u64 = 8 << 20;
const MOST_PARTS: u64 = 9_000;
const PARTS_AT_ONCE: usize = 3;
/// The total size of bodies in memory, in KiB.
const MEMORY: usize = 40 << 10;

/// What all workers of a push share.
pub struct Pushing {
    pub bucket: DestinationBucket,
    pub folder: Arc<Folder>,
    pub progression: Arc<Progression>,
    pub uploads: Uploads,
    /// Keys that the bucket already has.
    replaced: HashSet<String>,
    memory: Semaphore,
    entries: Mutex<Vec<Entry>>,
}

impl Pushing {
    pub fn new(
        bucket: DestinationBucket,
        folder: Arc<Folder>,
        progression: Arc<Progression>,
        uploads: Uploads,
        replaced: HashSet<String>,
    ) -> Arc<Pushing> {
        let memory = Semaphore::new(MEMORY);
        let entries = Mutex::default();
        Arc::new(Pushing { bucket, folder, progression, uploads, replaced, memory, entries })
    }

    pub fn take_entries(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, file: LocalFile, etag: String, md5: Option<[u8; 16]>) {
        let md5 = md5.filter(|md5| etag_of(md5) != etag);
        let entry = Entry { file, etag, md5 };
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }
}

/// Uploads every file to the bucket.
pub async fn push_files(pushing: &Arc<Pushing>, files: Vec<LocalFile>, jobs: usize) -> Outcome {
    let shared = Arc::clone(pushing);
    let work = move |file: Arc<LocalFile>| {
        let pushing = Arc::clone(&shared);
        async move { push_one(&pushing, &file.key).await }
    };
    for_each(files, jobs, &pushing.progression, |file| &file.key, work).await
}

async fn push_one(pushing: &Pushing, key: &str) -> Result<(), MediaError> {
    let (file, before) = match pushing.folder.read(key) {
        // Deleted since the folder was listed: the bucket's copy stays until the next push.
        Err(MediaError::Disk { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            let place = pushing.folder.place_of(key);
            return Err(MediaError::Gone { what: format!("read {}", place.display()) });
        }
        read => read?,
    };
    if before.size > IN_PARTS {
        return push_in_parts(pushing, key, &file, before).await;
    }
    let units = u32::try_from(before.size >> 10).unwrap_or(u32::MAX).saturating_add(1);
    // The semaphore is never closed, and a body is always smaller than its total.
    let _room = pushing.memory.acquire_many(units).await.ok();
    let body = read(pushing, key, &file, 0, before.size)?;
    check_unchanged(pushing, key, &file, &before)?;
    let md5 = md5_of(&body);
    let headers = headers(pushing, key).await?;
    let counted = pushing.progression.count();
    let etag = pushing.bucket.put(key, body, &md5, headers).await?;
    counted.add(before.size);
    counted.keep();
    pushing.add(before, etag, Some(md5));
    Ok(())
}

async fn push_in_parts(
    pushing: &Pushing,
    key: &str,
    file: &std::fs::File,
    before: LocalFile,
) -> Result<(), MediaError> {
    let headers = headers(pushing, key).await?;
    let upload = pushing.bucket.start_upload(key, headers).await?;
    pushing.uploads.note(key, &upload)?;
    let counted = pushing.progression.count();
    match push_parts(pushing, key, file, &before, (&upload, &counted)).await {
        Ok(etag) => {
            counted.keep();
            pushing.uploads.forget(&upload)?;
            pushing.add(before, etag, None);
            Ok(())
        }
        Err(error) => {
            // An upload that cannot be aborted now stays recorded, and the next run aborts it.
            if pushing.bucket.abort_upload(key, &upload).await.is_ok() {
                pushing.uploads.forget(&upload)?;
            }
            Err(error)
        }
    }
}

async fn push_parts(
    pushing: &Pushing,
    key: &str,
    file: &std::fs::File,
    before: &LocalFile,
    (upload, counted): (&Upload, &Counted<'_>),
) -> Result<String, MediaError> {
    let size = part_size(before.size);
    let starts = (0..before.size).step_by(usize::try_from(size).unwrap_or(usize::MAX));
    let mut parts: Vec<UploadedPart> = stream::iter((1_u32..).zip(starts))
        .map(|(number, start)| async move {
            let length = size.min(before.size - start);
            let part = push_part(pushing, key, file, upload, number, start, length).await?;
            counted.add(length);
            Ok::<UploadedPart, MediaError>(part)
        })
        .buffer_unordered(PARTS_AT_ONCE)
        .try_collect()
        .await?;
    parts.sort_by_key(|part| part.number);
    check_unchanged(pushing, key, file, before)?;
    Ok(pushing.bucket.finish_upload(key, upload, &parts).await?)
}

async fn push_part(
    pushing: &Pushing,
    key: &str,
    file: &std::fs::File,
    upload: &Upload,
    number: u32,
    start: u64,
    length: u64,
) -> Result<UploadedPart, MediaError> {
    let units = u32::try_from(length >> 10).unwrap_or(u32::MAX).min(MEMORY as u32);
    let _room = pushing.memory.acquire_many(units).await.ok();
    let body = read(pushing, key, file, start, length)?;
    let md5 = md5_of(&body);
    Ok(pushing.bucket.put_part(key, upload, number, body, &md5).await?)
}

/// Parts of at least 8 MiB, and larger if S3's limit on parts would be exceeded.
pub fn part_size(size: u64) -> u64 {
    PART.max(size.div_ceil(MOST_PARTS).div_ceil(1 << 20) << 20)
}

fn read(
    pushing: &Pushing,
    key: &str,
    file: &std::fs::File,
    start: u64,
    length: u64,
) -> Result<Bytes, MediaError> {
    let mut body = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut body, start)
        .map_err(MediaError::disk("read", pushing.folder.place_of(key)))?;
    Ok(body.into())
}

fn check_unchanged(
    pushing: &Pushing,
    key: &str,
    file: &std::fs::File,
    before: &LocalFile,
) -> Result<(), MediaError> {
    if pushing.folder.look(file, key)? == *before {
        return Ok(());
    }
    let place = pushing.folder.place_of(key);
    Err(MediaError::Refused(format!("{} changed while it was read", place.display())))
}

/// A replaced object keeps its headers. A new object gets its type from its name.
async fn headers(pushing: &Pushing, key: &str) -> Result<Headers, MediaError> {
    let guessed = (CONTENT_TYPE, HeaderValue::from_static(content_type(key)));
    if !pushing.replaced.contains(key) {
        return Ok(vec![guessed]);
    }
    let mut headers = match pushing.bucket.reading().head(key).await {
        Ok(meta) => meta.kept,
        // Deleted since, or the credentials may write but not read: there is nothing to keep.
        Err(error) if error.is_not_found() || error.is_denied() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    headers.retain(|(name, value)| outlives_content(name, value));
    if !headers.iter().any(|(name, _)| name == CONTENT_TYPE) {
        headers.push(guessed);
    }
    Ok(headers)
}

/// Whether a header is still right for other bytes. The encoding, other programs' notes about the
/// bytes, and a type that only means "unknown" are not.
fn outlives_content(name: &HeaderName, value: &HeaderValue) -> bool {
    const OF_CONTENT: [&str; 4] =
        ["x-amz-meta-mtime", "x-amz-meta-md5chksum", "x-amz-meta-s3cmd-attrs", "content-encoding"];
    let unknown_type = name == CONTENT_TYPE
        && matches!(value.as_bytes(), b"binary/octet-stream" | b"application/octet-stream" | b"");
    !unknown_type && !OF_CONTENT.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_about_the_old_bytes_are_dropped() {
        for (name, value, stays) in [
            ("content-type", "image/webp", true),
            ("content-type", "binary/octet-stream", false),
            ("cache-control", "max-age=60", true),
            ("content-encoding", "gzip", false),
            ("x-amz-meta-owner", "someone", true),
            ("x-amz-meta-mtime", "1700000000.5", false),
        ] {
            let (header, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
            assert_eq!(outlives_content(&header, &value), stays, "{name}: {value:?}");
        }
    }
}
