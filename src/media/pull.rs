//! From a bucket into the folder: each object into a file beside its place, verified while it
//! comes, and renamed when it is whole.

use std::io::{Read, Seek};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use crate::adapters::s3::{ListedObject, ObjectMeta, S3Error, SourceBucket};

use super::engine::{Outcome, Progression, for_each};
use super::error::MediaError;
use super::index::Entry;
use super::local::Folder;
use super::local_files::Unfinished;
use super::verify::{Verdict, Verifier};

/// From this size on an object comes in ranges, some at once.
const IN_RANGES: u64 = 64 << 20;
const RANGE: u64 = 16 << 20;
const RANGES_AT_ONCE: usize = 4;

/// How often an object may be replaced while it is fetched.
const CHANGES: u32 = 3;

/// What a pull works with.
pub struct Pulling {
    pub bucket: SourceBucket,
    pub folder: Arc<Folder>,
    pub progression: Arc<Progression>,
    /// What is known of the files that came, for the index.
    entries: Mutex<Vec<Entry>>,
}

/// The version of an object that is fetched.
#[derive(Clone)]
struct Version {
    etag: String,
    size: u64,
    modified: Timestamp,
}

impl Pulling {
    pub fn new(
        bucket: SourceBucket,
        folder: Arc<Folder>,
        progression: Arc<Progression>,
    ) -> Arc<Pulling> {
        Arc::new(Pulling { bucket, folder, progression, entries: Mutex::default() })
    }

    pub fn take_entries(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Fetches every object.
pub async fn pull_objects(
    pulling: &Arc<Pulling>,
    objects: Vec<ListedObject>,
    jobs: usize,
) -> Outcome {
    let shared = Arc::clone(pulling);
    let work = move |object: Arc<ListedObject>| {
        let pulling = Arc::clone(&shared);
        async move { pull_one(&pulling, &object).await }
    };
    for_each(objects, jobs, &pulling.progression, |object| &object.key, work).await
}

async fn pull_one(pulling: &Pulling, object: &ListedObject) -> Result<(), MediaError> {
    let key = &object.key;
    let mut version =
        Version { etag: object.etag.clone(), size: object.size, modified: object.modified };
    let mut changes = 0;
    loop {
        match fetch(pulling, key, &version).await {
            // Replaced since it was listed: what is there now is what is wanted.
            Err(MediaError::S3(S3Error::Changed { .. })) if changes < CHANGES => {
                changes += 1;
                let meta = pulling.bucket.head(key).await?;
                version = Version {
                    size: meta.length.unwrap_or(version.size),
                    modified: meta.modified.unwrap_or(version.modified),
                    etag: meta.etag,
                };
            }
            other => return other,
        }
    }
}

async fn fetch(pulling: &Pulling, key: &str, version: &Version) -> Result<(), MediaError> {
    let file = pulling.folder.begin(key)?;
    let fetched = if version.size >= IN_RANGES {
        fetch_in_ranges(pulling, key, version, &file).await
    } else {
        fetch_in_one(pulling, key, version, &file).await
    };
    let verdict = match fetched {
        Ok(verdict) => verdict,
        Err((error, counted)) => {
            pulling.progression.take_bytes_back(counted);
            return Err(error);
        }
    };
    if verdict != Verdict::Same {
        pulling.progression.unverified();
    }
    let file = file.finish(version.modified)?;
    let entry = Entry { file, etag: version.etag.clone(), md5: None };
    pulling.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    Ok(())
}

/// An error, and how many bytes were counted before it came.
type Failed = (MediaError, u64);

/// One stream, taken up again where it broke off.
async fn fetch_in_one(
    pulling: &Pulling,
    key: &str,
    version: &Version,
    file: &Unfinished<'_>,
) -> Result<Verdict, Failed> {
    let mut retry = pulling.bucket.retry();
    let mut position = 0;
    let mut verifier = None;
    let mut seen = None;
    loop {
        let before = position;
        // Where every byte came, only the end of the connection can have failed.
        let result = if position > 0 && position == version.size {
            Ok(())
        } else {
            stream(pulling, key, version, file, &mut position, &mut verifier).await
        };
        let error = match result {
            Ok(()) => match verifier.take().map_or(Verdict::Unknown, Verifier::finish) {
                Verdict::Unproven(whole) if seen.replace(whole) != Some(whole) => {
                    pulling.progression.take_bytes_back(position);
                    position = 0;
                    S3Error::Corrupt {
                        what: pulling.bucket.describe("read", key),
                        checksum: "ETag of parts",
                    }
                }
                Verdict::Other(checksum) => {
                    let what = pulling.bucket.describe("read", key);
                    pulling.progression.take_bytes_back(position);
                    position = 0;
                    S3Error::Corrupt { what, checksum }
                }
                verdict => return Ok(verdict),
            },
            Err(MediaError::S3(error)) => {
                if position > before {
                    retry.progress();
                }
                error
            }
            Err(error) => return Err((error, position)),
        };
        retry.pause(error).await.map_err(|error| (error.into(), position))?;
    }
}

async fn stream(
    pulling: &Pulling,
    key: &str,
    version: &Version,
    file: &Unfinished<'_>,
    position: &mut u64,
    verifier: &mut Option<Verifier>,
) -> Result<(), MediaError> {
    let range = (*position > 0).then_some(*position..version.size);
    let expected = version.size - *position;
    let wrong = |got| {
        let what = pulling.bucket.describe("read", key);
        MediaError::S3(S3Error::WrongLength { what, expected, got })
    };
    let mut body = pulling.bucket.get(key, range, &version.etag).await?;
    if let Some(length) = body.meta.length.filter(|length| *length != expected) {
        return Err(wrong(length));
    }
    if verifier.is_none() {
        *verifier = Some(verifier_for(pulling, key, version, &body.meta).await?);
    }
    let mut got = 0;
    while let Some(bytes) = body.chunk().await? {
        got += bytes.len() as u64;
        if got > expected {
            return Err(wrong(got));
        }
        file.file
            .write_all_at(&bytes, *position)
            .map_err(MediaError::disk("write", pulling.folder.place_of(key)))?;
        if let Some(verifier) = verifier {
            verifier.update(&bytes);
        }
        *position += bytes.len() as u64;
        pulling.progression.add_bytes(bytes.len() as u64);
    }
    if got < expected { Err(wrong(got)) } else { Ok(()) }
}

async fn verifier_for(
    pulling: &Pulling,
    key: &str,
    version: &Version,
    meta: &ObjectMeta,
) -> Result<Verifier, MediaError> {
    let first_part = if Verifier::wants_first_part(meta, &version.etag) {
        pulling.bucket.first_part(key).await?
    } else {
        None
    };
    Ok(Verifier::new(meta, &version.etag, version.size, first_part))
}

/// Several ranges at once, all of them again where it cannot be shown that they are right.
async fn fetch_in_ranges(
    pulling: &Pulling,
    key: &str,
    version: &Version,
    file: &Unfinished<'_>,
) -> Result<Verdict, Failed> {
    let mut retry = pulling.bucket.retry();
    let mut seen = None;
    loop {
        let checksum = match fetch_all_ranges(pulling, key, version, file).await? {
            Verdict::Unproven(whole) if seen.replace(whole) != Some(whole) => "ETag of parts",
            Verdict::Other(checksum) => checksum,
            verdict => return Ok(verdict),
        };
        pulling.progression.take_bytes_back(version.size);
        let what = pulling.bucket.describe("read", key);
        let error = S3Error::Corrupt { what, checksum };
        retry.pause(error).await.map_err(|error| (error.into(), 0))?;
    }
}

/// What came is read back, from memory as a rule, and verified.
async fn fetch_all_ranges(
    pulling: &Pulling,
    key: &str,
    version: &Version,
    file: &Unfinished<'_>,
) -> Result<Verdict, Failed> {
    let meta = pulling.bucket.head(key).await.map_err(|error| (error.into(), 0))?;
    let mut verifier =
        verifier_for(pulling, key, version, &meta).await.map_err(|error| (error, 0))?;
    let starts = (0..version.size).step_by(usize::try_from(RANGE).unwrap_or(usize::MAX));
    let ranges = starts.map(|start| start..(start + RANGE).min(version.size));
    let fetched: Result<(), MediaError> = stream::iter(ranges)
        .map(|range| fetch_range(pulling, key, version, file, range))
        .buffer_unordered(RANGES_AT_ONCE)
        .try_collect()
        .await;
    fetched.map_err(|error| (error, 0))?;
    let read = || -> std::io::Result<Verdict> {
        let mut file = file.file.try_clone()?;
        file.seek(std::io::SeekFrom::Start(0))?;
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let length = file.read(&mut buffer)?;
            if length == 0 {
                return Ok(verifier.finish());
            }
            verifier.update(buffer.get(..length).unwrap_or_default());
        }
    };
    let verdict = tokio::task::block_in_place(read)
        .map_err(|error| (MediaError::disk("read", pulling.folder.place_of(key))(error), 0))?;
    Ok(verdict)
}

async fn fetch_range(
    pulling: &Pulling,
    key: &str,
    version: &Version,
    file: &Unfinished<'_>,
    range: std::ops::Range<u64>,
) -> Result<(), MediaError> {
    let mut retry = pulling.bucket.retry();
    let mut position = range.start;
    while position < range.end {
        let before = position;
        match stream_range(pulling, key, version, file, &mut position, range.end).await {
            Ok(()) => return Ok(()),
            Err(MediaError::S3(error)) => {
                if position > before {
                    retry.progress();
                }
                retry.pause(error).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn stream_range(
    pulling: &Pulling,
    key: &str,
    version: &Version,
    file: &Unfinished<'_>,
    position: &mut u64,
    end: u64,
) -> Result<(), MediaError> {
    let expected = end - *position;
    let wrong = |got| {
        let what = pulling.bucket.describe("read", key);
        MediaError::S3(S3Error::WrongLength { what, expected, got })
    };
    let mut body = pulling.bucket.get(key, Some(*position..end), &version.etag).await?;
    if body.meta.part.is_some_and(|(_, total)| total != version.size) {
        return Err(wrong(0));
    }
    let mut got = 0;
    while let Some(bytes) = body.chunk().await? {
        got += bytes.len() as u64;
        if got > expected {
            return Err(wrong(got));
        }
        file.file
            .write_all_at(&bytes, *position)
            .map_err(MediaError::disk("write", pulling.folder.place_of(key)))?;
        *position += bytes.len() as u64;
        pulling.progression.add_bytes(bytes.len() as u64);
    }
    if got < expected { Err(wrong(got)) } else { Ok(()) }
}
