//! Copies objects from bucket to bucket: on the server if the destination's credentials can read
//! the source, else through memory. Metadata is copied either way.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use crate::adapters::s3::{
    CopySource, DestinationBucket, ListedObject, NO_ACLS, ObjectMeta, S3Error, SourceBucket,
    Upload, UploadedPart,
};

use super::content::ContentId;
use super::copy_memory::through_memory;
use super::engine::{Outcome, Progression, for_each};
use super::error::MediaError;
use super::fate::of_absent;
use super::uploads::Uploads;

/// Above which size the server copies in parts, and the size of the parts.
#[derive(Debug, Clone, Copy)]
pub struct CopyParts {
    pub above: u64,
    pub size: u64,
}

/// CopyObject copies at most 5 GiB at once.
pub const COPY_PARTS: CopyParts = CopyParts { above: 5 << 30, size: 512 << 20 };
const PARTS_AT_ONCE: usize = 4;
/// How many times an object is tried if it changes while it is copied.
const TRIES: u32 = 3;
/// How many objects are requested to find out whether the server can copy.
const SAMPLES: usize = 8;
/// The total size of bodies in memory, in KiB.
pub const MEMORY: usize = 40 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyMethod {
    OnServer,
    ThroughMemory,
}

/// What all workers of a copy share.
pub struct Copying {
    pub source: SourceBucket,
    pub destination: DestinationBucket,
    pub method: CopyMethod,
    parts: CopyParts,
    pub progression: Arc<Progression>,
    pub uploads: Uploads,
    pub memory: Semaphore,
    /// The key, the source's ETag and the copy's ETag.
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

/// Finds out whether the server can copy. `reader` is the source bucket, read with the
/// destination's credentials: one object that can be read is enough, and reading changes nothing.
/// Several objects are requested, because one may be archived, gone, refused or slow. An object
/// that cannot be copied is noticed later, when it is copied.
pub async fn probe(
    source: &SourceBucket,
    destination: &DestinationBucket,
    reader: &SourceBucket,
    objects: &[ListedObject],
) -> Result<CopyMethod, MediaError> {
    if !source.address().same_server(&destination.reading().address()) {
        return Ok(CopyMethod::ThroughMemory);
    }
    let asked = samples(objects).map(|sample| async move {
        let meta = reader.head(&sample.key).await?;
        Ok::<bool, S3Error>(meta.etag == sample.etag)
    });
    let mut answers = asked.collect::<FuturesUnordered<_>>();
    while let Some(answer) = answers.next().await {
        // One object with the source's ETag shows that the reader reads the source.
        if let Ok(true) = answer {
            return Ok(CopyMethod::OnServer);
        }
    }
    Ok(CopyMethod::ThroughMemory)
}

/// A sample of objects across the whole list, only readable ones if there are any.
fn samples(objects: &[ListedObject]) -> impl Iterator<Item = &ListedObject> {
    let readable: Vec<&ListedObject> = objects.iter().filter(|one| !one.is_archived).collect();
    let chosen = if readable.is_empty() { objects.iter().collect() } else { readable };
    let step = chosen.len().div_ceil(SAMPLES).max(1);
    let last = chosen.last().copied();
    let mut spread: Vec<&ListedObject> = chosen.into_iter().step_by(step).collect();
    spread.extend(last.filter(|last| spread.last().is_none_or(|one| one.key != last.key)));
    spread.into_iter()
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
    for attempt in 0..TRIES {
        let copied = match copying.method {
            CopyMethod::OnServer => match on_server(copying, &object).await {
                // The probe cannot see permissions that differ between keys, or servers without a
                // copy operation.
                Err(MediaError::S3(error @ S3Error::Refused { .. })) if !is_final(&error) => {
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
            // The object was replaced since it was listed, so copy its new version.
            Err(MediaError::S3(S3Error::Changed { .. })) => {
                let meta = match copying.source.head(&object.key).await {
                    Err(error) if error.is_not_found() => continue,
                    meta => meta?,
                };
                object.size = meta.length.unwrap_or(object.size);
                object.etag = meta.etag;
            }
            Err(MediaError::S3(error)) if error.is_not_found() => {
                match of_absent(&copying.source, &object.key).await? {
                    Some(absent) => return Err(absent),
                    None if attempt + 1 < TRIES => {}
                    None => return Err(error.into()),
                }
            }
            Err(error) => return Err(error),
        }
    }
    let what = copying.source.describe("copy", &object.key);
    Err(S3Error::Changed { what }.into())
}

/// Whether reading and writing the object through memory would also be refused.
fn is_final(error: &S3Error) -> bool {
    let of_all = matches!(error, S3Error::Refused { code, .. } if code == NO_ACLS);
    of_all || error.is_archived()
}

async fn on_server(copying: &Copying, object: &ListedObject) -> Result<String, MediaError> {
    let bucket = copying.source.address().bucket;
    let source = CopySource { bucket: &bucket, key: &object.key, version: &object.etag };
    let counted = copying.progression.count();
    let etag = if object.size <= copying.parts.above {
        let etag = copying.destination.copy(&object.key, source).await?;
        if etag != object.etag {
            // Another ETag is usual for objects of parts and for encryption. But a server that
            // ignores the condition may have copied a newer version.
            look(copying, object).await?;
        }
        etag
    } else {
        let meta = look(copying, object).await?;
        let upload = copying.destination.start_upload(&object.key, meta.kept).await?;
        copying.uploads.note(&object.key, &upload)?;
        let copied = copy_parts(copying, object, source, &upload).await;
        end_upload(copying, &object.key, &upload, copied).await?
    };
    counted.add(object.size);
    counted.keep();
    // A copy in parts or with encryption gets another ETag, so only the server's answer confirms
    // it.
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
    // A server that ignores the condition may have copied parts of two versions.
    look(copying, object).await?;
    Ok(copying.destination.finish_upload(&object.key, upload, &parts).await?)
}

pub async fn end_upload(
    copying: &Copying,
    key: &str,
    upload: &Upload,
    result: Result<String, MediaError>,
) -> Result<String, MediaError> {
    // An upload that cannot be aborted now stays recorded, and the next run aborts it.
    if result.is_ok() || copying.destination.abort_upload(key, upload).await.is_ok() {
        copying.uploads.forget(upload)?;
    }
    result
}

/// The object's metadata, if the object is still the listed version.
pub async fn look(copying: &Copying, object: &ListedObject) -> Result<ObjectMeta, S3Error> {
    let meta = copying.source.head(&object.key).await?;
    if !object.etag.is_empty() && !meta.etag.is_empty() && meta.etag != object.etag {
        return Err(S3Error::Changed { what: copying.source.describe("copy", &object.key) });
    }
    Ok(meta)
}
