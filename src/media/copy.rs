//! From bucket to bucket: on the server where one pair of keys may read the one and write the
//! other, and through memory otherwise. The metadata goes with the object either way.

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

/// From which size on the server copies in parts, and how large they are.
#[derive(Debug, Clone, Copy)]
pub struct CopyParts {
    pub above: u64,
    pub size: u64,
}

/// CopyObject takes 5 GiB in one piece.
pub const COPY_PARTS: CopyParts = CopyParts { above: 5 << 30, size: 512 << 20 };
const PARTS_AT_ONCE: usize = 4;
/// How often an object may change while it is copied.
const TRIES: u32 = 3;
/// Objects that are asked for to learn whether the server can copy.
const SAMPLES: usize = 8;
/// Of bodies in memory, in KiB.
pub const MEMORY: usize = 40 << 10;

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
    pub memory: Semaphore,
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
/// asking for one object is enough to know, and changes nothing. Some objects from everywhere in the
/// list are asked for, because one may be archived, gone, refused or slow. That a single object may
/// not be copied is found out when its turn comes.
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
        // Any object that is the source's shows that it is the source that is read.
        if let Ok(true) = answer {
            return Ok(CopyMethod::OnServer);
        }
    }
    Ok(CopyMethod::ThroughMemory)
}

/// Objects from the beginning to the end of a list, readable ones where there are any.
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
                // What the probe could not see: rights that differ from key to key, and servers
                // that do not copy.
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
            // Replaced since it was listed: what is there now is what is wanted.
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

/// Whether reading and writing the object here would be refused as well.
fn is_final(error: &S3Error) -> bool {
    let of_all = matches!(error, S3Error::Refused { code, .. } if code == NO_ACLS);
    of_all || error.is_archived()
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

pub async fn end_upload(
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

/// What goes with the object, if it is still the one that was listed.
pub async fn look(copying: &Copying, object: &ListedObject) -> Result<ObjectMeta, S3Error> {
    let meta = copying.source.head(&object.key).await?;
    if !object.etag.is_empty() && !meta.etag.is_empty() && meta.etag != object.etag {
        return Err(S3Error::Changed { what: copying.source.describe("copy", &object.key) });
    }
    Ok(meta)
}
