//! From bucket to bucket: on the server where one pair of keys may read the one and write the
//! other, and through memory otherwise. The metadata goes with the object either way.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use crate::adapters::s3::{
    CopySource, DestinationBucket, ListedObject, ObjectBody, ObjectMeta, S3Error, SourceBucket,
    Upload, UploadedPart,
};

use super::content::{ContentId, PartHasher, md5_of};
use super::engine::{Outcome, Progression, for_each};
use super::error::MediaError;
use super::push::{IN_PARTS, part_size};
use super::uploads::Uploads;
use super::verify::{Verdict, Verifier, first_part};

/// From which size on the server copies in parts, and how large they are.
#[derive(Debug, Clone, Copy)]
pub struct CopyParts {
    pub above: u64,
    pub size: u64,
}

/// CopyObject takes 5 GiB in one piece.
pub const COPY_PARTS: CopyParts = CopyParts { above: 5 << 30, size: 512 << 20 };
const PARTS_AT_ONCE: usize = 4;
/// Of bodies in memory, in KiB.
const MEMORY: usize = 40 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyMethod {
    OnServer,
    ThroughMemory,
}

/// What a copy works with.
pub struct Copying {
    pub source: SourceBucket,
    pub destination: DestinationBucket,
    pub method: CopyMethod,
    parts: CopyParts,
    pub progression: Arc<Progression>,
    pub uploads: Uploads,
    memory: Semaphore,
    /// Key, the source's ETag and the copy's.
    copies: Mutex<Vec<(String, String, String)>>,
}

impl Copying {
    pub fn new(
        source: SourceBucket,
        destination: DestinationBucket,
        (method, parts): (CopyMethod, CopyParts),
        progression: Arc<Progression>,
        uploads: Uploads,
    ) -> Arc<Copying> {
        let (memory, copies) = (Semaphore::new(MEMORY), Mutex::default());
        Arc::new(Copying {
            source,
            destination,
            method,
            parts,
            progression,
            uploads,
            memory,
            copies,
        })
    }

    pub fn take_copies(&self) -> Vec<(String, String, String)> {
        std::mem::take(&mut *self.copies.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether the server can copy. `reader` is the source's bucket, read with the destination's keys:
/// asking for one object is enough to know, and changes nothing.
pub async fn probe(
    source: &SourceBucket,
    destination: &DestinationBucket,
    reader: &SourceBucket,
    sample: Option<&ListedObject>,
) -> Result<CopyMethod, MediaError> {
    let Some(sample) = sample else { return Ok(CopyMethod::ThroughMemory) };
    if !source.address().same_server(&destination.reading().address()) {
        return Ok(CopyMethod::ThroughMemory);
    }
    match reader.head(&sample.key).await {
        Ok(meta) if meta.etag == sample.etag => Ok(CopyMethod::OnServer),
        Ok(_) => Ok(CopyMethod::ThroughMemory),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(_) => Ok(CopyMethod::ThroughMemory),
    }
}

/// Copies every object.
pub async fn copy_objects(
    copying: &Arc<Copying>,
    objects: Vec<ListedObject>,
    jobs: usize,
) -> Outcome {
    let shared = Arc::clone(copying);
    let work = move |object: Arc<ListedObject>| {
        let copying = Arc::clone(&shared);
        async move { copy_one(&copying, &object).await }
    };
    for_each(objects, jobs, &copying.progression, |object| &object.key, work).await
}

async fn copy_one(copying: &Copying, object: &ListedObject) -> Result<(), MediaError> {
    let mut object = object.clone();
    for _ in 0..3 {
        let copied = match copying.method {
            CopyMethod::OnServer => match on_server(copying, &object).await {
                // What the probe could not see: rights that differ from key to key.
                Err(MediaError::S3(error)) if error.is_denied() => {
                    through_memory(copying, &object).await
                }
                other => other,
            },
            CopyMethod::ThroughMemory => through_memory(copying, &object).await,
        };
        match copied {
            Ok(etag) => {
                let copy = (object.key.clone(), object.etag.clone(), etag);
                copying.copies.lock().unwrap_or_else(PoisonError::into_inner).push(copy);
                return Ok(());
            }
            // Replaced since it was listed: what is there now is what is wanted.
            Err(MediaError::S3(S3Error::Changed { .. })) => {
                let meta = copying.source.head(&object.key).await?;
                object.size = meta.length.unwrap_or(object.size);
                object.etag = meta.etag;
            }
            Err(error) => return Err(error),
        }
    }
    let what = copying.source.describe("copy", &object.key);
    Err(S3Error::Changed { what }.into())
}

async fn on_server(copying: &Copying, object: &ListedObject) -> Result<String, MediaError> {
    let bucket = copying.source.address().bucket;
    let source = CopySource { bucket: &bucket, key: &object.key, version: &object.etag };
    let counted = copying.progression.count();
    let etag = if object.size <= copying.parts.above {
        copying.destination.copy(&object.key, source).await?
    } else {
        let meta = look(copying, object).await?;
        let upload = copying.destination.start_upload(&object.key, meta.kept).await?;
        copying.uploads.note(&object.key, &upload)?;
        let copied = copy_parts(copying, object, source, &upload).await;
        end_upload(copying, &object.key, &upload, copied).await?
    };
    counted.add(object.size);
    counted.keep();
    // One in parts, or encrypted, gets another ETag: then the server's word is what there is.
    let comparable = matches!(
        (ContentId::of(&object.etag), ContentId::of(&etag)),
        (ContentId::Md5(_), ContentId::Md5(_))
    );
    if comparable && object.etag != etag {
        copying.progression.unverified();
    }
    Ok(etag)
}

async fn copy_parts(
    copying: &Copying,
    object: &ListedObject,
    source: CopySource<'_>,
    upload: &Upload,
) -> Result<String, MediaError> {
    let size = copying.parts.size.max(1);
    let starts = (0..object.size).step_by(usize::try_from(size).unwrap_or(usize::MAX));
    let mut parts: Vec<UploadedPart> = stream::iter((1_u32..).zip(starts))
        .map(|(number, start)| {
            let range = start..(start + size).min(object.size);
            copying.destination.copy_part(&object.key, upload, number, source, range)
        })
        .buffer_unordered(PARTS_AT_ONCE)
        .try_collect()
        .await?;
    parts.sort_by_key(|part| part.number);
    Ok(copying.destination.finish_upload(&object.key, upload, &parts).await?)
}

async fn end_upload(
    copying: &Copying,
    key: &str,
    upload: &Upload,
    result: Result<String, MediaError>,
) -> Result<String, MediaError> {
    // What cannot be thrown away now is noted, and thrown away by the next run.
    if result.is_ok() || copying.destination.abort_upload(key, upload).await.is_ok() {
        copying.uploads.forget(upload)?;
    }
    result
}

async fn through_memory(copying: &Copying, object: &ListedObject) -> Result<String, MediaError> {
    if object.size <= IN_PARTS {
        let units = u32::try_from(object.size >> 10).unwrap_or(u32::MAX).saturating_add(1);
        // The semaphore is never closed, and no body is as large as all of it.
        let _room = copying.memory.acquire_many(units).await.ok();
        let (body, meta) = read_whole(copying, object).await?;
        let md5 = md5_of(&body);
        let counted = copying.progression.count();
        let etag = copying.destination.put(&object.key, body, &md5, meta.kept).await?;
        counted.add(object.size);
        counted.keep();
        return Ok(etag);
    }
    let meta = look(copying, object).await?;
    let upload = copying.destination.start_upload(&object.key, meta.kept.clone()).await?;
    copying.uploads.note(&object.key, &upload)?;
    let copied = stream_parts(copying, object, &meta, &upload).await;
    end_upload(copying, &object.key, &upload, copied).await
}

/// What goes with the object, if it is still the one that was listed.
async fn look(copying: &Copying, object: &ListedObject) -> Result<ObjectMeta, S3Error> {
    let meta = copying.source.head(&object.key).await?;
    if !object.etag.is_empty() && meta.etag != object.etag {
        return Err(S3Error::Changed { what: copying.source.describe("copy", &object.key) });
    }
    Ok(meta)
}

/// Reads an object and verifies it. Tried again as a whole, as it is small.
async fn read_whole(
    copying: &Copying,
    object: &ListedObject,
) -> Result<(Bytes, ObjectMeta), MediaError> {
    let mut retry = copying.source.retry();
    let mut seen = None;
    loop {
        let error = match read_once(copying, object).await {
            // Two reads that agree are what the server has, whatever the parts of its ETag are.
            Ok((_, _, Verdict::Unproven(whole))) if seen.replace(whole) != Some(whole) => {
                let what = copying.source.describe("read", &object.key);
                S3Error::Corrupt { what, checksum: "ETag of parts" }
            }
            Ok((body, meta, verdict)) => {
                check(copying, object, verdict)?;
                return Ok((body, meta));
            }
            Err(error) => error,
        };
        retry.pause(error).await?;
    }
}

async fn read_once(
    copying: &Copying,
    object: &ListedObject,
) -> Result<(Bytes, ObjectMeta, Verdict), S3Error> {
    let first_part = first_part(&copying.source, &object.key, &object.etag).await?;
    let mut stream = copying.source.get(&object.key, None, &object.etag).await?;
    let mut verifier = Verifier::new(&stream.meta, &object.etag, object.size, first_part);
    let body = read_piece(copying, object, &mut stream, object.size, &mut verifier).await?;
    if stream.chunk().await?.is_some() {
        return Err(wrong_length(copying, object, object.size + 1));
    }
    let verdict = match verifier.finish() {
        Verdict::Other(checksum) => {
            let what = copying.source.describe("read", &object.key);
            return Err(S3Error::Corrupt { what, checksum });
        }
        verdict => verdict,
    };
    Ok((body, stream.meta.clone(), verdict))
}

fn check(copying: &Copying, object: &ListedObject, verdict: Verdict) -> Result<(), S3Error> {
    match verdict {
        Verdict::Same => Ok(()),
        Verdict::Unknown | Verdict::Unproven(_) => {
            copying.progression.unverified();
            Ok(())
        }
        Verdict::Other(checksum) => {
            Err(S3Error::Corrupt { what: copying.source.describe("read", &object.key), checksum })
        }
    }
}

fn wrong_length(copying: &Copying, object: &ListedObject, got: u64) -> S3Error {
    let what = copying.source.describe("read", &object.key);
    S3Error::WrongLength { what, expected: object.size, got }
}

async fn read_piece(
    copying: &Copying,
    object: &ListedObject,
    stream: &mut ObjectBody<'_>,
    length: u64,
    verifier: &mut Verifier,
) -> Result<Bytes, S3Error> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let mut piece = BytesMut::with_capacity(length);
    while piece.len() < length {
        let Some(bytes) = stream.chunk().await? else {
            return Err(wrong_length(copying, object, piece.len() as u64));
        };
        if piece.len() + bytes.len() > length {
            return Err(wrong_length(copying, object, (piece.len() + bytes.len()) as u64));
        }
        verifier.update(&bytes);
        piece.extend_from_slice(&bytes);
    }
    Ok(piece.freeze())
}

/// Each part is a range of its own, so that one that breaks off is all that comes again.
async fn stream_parts(
    copying: &Copying,
    object: &ListedObject,
    meta: &ObjectMeta,
    upload: &Upload,
) -> Result<String, MediaError> {
    let first_part = first_part(&copying.source, &object.key, &object.etag).await?;
    let mut verifier = Verifier::new(meta, &object.etag, object.size, first_part);
    let counted = copying.progression.count();
    let size = part_size(object.size);
    let mut parts = Vec::new();
    let mut start = 0;
    for number in 1.. {
        let end = (start + size).min(object.size);
        let units = u32::try_from((end - start) >> 10).unwrap_or(u32::MAX).min(MEMORY as u32);
        let _room = copying.memory.acquire_many(units).await.ok();
        let body = read_range(copying, object, start..end).await?;
        verifier.update(&body);
        let md5 = md5_of(&body);
        let part = copying.destination.put_part(&object.key, upload, number, body, &md5).await?;
        parts.push(part);
        counted.add(end - start);
        start = end;
        if start == object.size {
            break;
        }
    }
    let verdict = match verifier.finish() {
        Verdict::Unproven(whole) => read_again(copying, object, whole).await?,
        verdict => verdict,
    };
    check(copying, object, verdict)?;
    let etag = copying.destination.finish_upload(&object.key, upload, &parts).await?;
    counted.keep();
    Ok(etag)
}

/// What the ETag cannot prove is read a second time before the upload becomes an object.
async fn read_again(
    copying: &Copying,
    object: &ListedObject,
    before: [u8; 16],
) -> Result<Verdict, MediaError> {
    let mut hasher = PartHasher::new(u64::MAX);
    let size = part_size(object.size);
    for start in (0..object.size).step_by(usize::try_from(size).unwrap_or(usize::MAX)) {
        hasher.update(&read_range(copying, object, start..(start + size).min(object.size)).await?);
    }
    let (whole, _) = hasher.finish();
    Ok(if whole == before { Verdict::Unproven(whole) } else { Verdict::Other("second reading") })
}

async fn read_range(
    copying: &Copying,
    object: &ListedObject,
    range: std::ops::Range<u64>,
) -> Result<Bytes, MediaError> {
    let mut retry = copying.source.retry();
    loop {
        match read_range_once(copying, object, range.clone()).await {
            Ok(bytes) => return Ok(bytes),
            Err(error) => retry.pause(error).await?,
        }
    }
}

async fn read_range_once(
    copying: &Copying,
    object: &ListedObject,
    range: std::ops::Range<u64>,
) -> Result<Bytes, S3Error> {
    let length = range.end - range.start;
    let mut stream = copying.source.get(&object.key, Some(range), &object.etag).await?;
    let mut nothing = Verifier::nothing();
    read_piece(copying, object, &mut stream, length, &mut nothing).await
}
