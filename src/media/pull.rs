//! Copies objects from a bucket into the folder: each into a temporary file, verified on the way,
//! and renamed when it is complete.

use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::adapters::s3::{ListedObject, Retry, S3Error, SourceBucket};

use super::engine::{Counted, Outcome, Progression, for_each};
use super::error::MediaError;
use super::fate::of_absent;
use super::index::Entry;
use super::local::Folder;
use super::local_files::Unfinished;
use super::pull_ranges::fetch_in_ranges;
use super::resume::Resumes;
use super::verify::{Verdict, Verifier, first_part};

/// From this size an object is fetched in ranges, several at once.
const IN_RANGES: u64 = 64 << 20;

/// How often an object with wrong bytes is read.
const WRONG_READS: u32 = 3;

/// How often an object may change while it is fetched.
const CHANGES: u32 = 3;

/// What all workers of a pull share.
pub struct Pulling {
    pub bucket: SourceBucket,
    pub folder: Arc<Folder>,
    pub progression: Arc<Progression>,
    pub resumes: Resumes,
    /// Index entries of the fetched files.
    entries: Mutex<Vec<Entry>>,
}

/// The version of an object to fetch.
#[derive(Clone)]
pub struct Version {
    pub etag: String,
    pub size: u64,
    pub modified: Timestamp,
}

impl Pulling {
    pub fn new(
        bucket: SourceBucket,
        folder: Arc<Folder>,
        progression: Arc<Progression>,
        resumes: Resumes,
    ) -> Arc<Pulling> {
        Arc::new(Pulling { bucket, folder, progression, resumes, entries: Mutex::default() })
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
            // The object was replaced since it was listed, so fetch its new version.
            Err(MediaError::S3(S3Error::Changed { .. })) if changes < CHANGES => {
                changes += 1;
                let meta = match pulling.bucket.head(key).await {
                    Err(error) if error.is_not_found() => continue,
                    meta => meta?,
                };
                version = Version {
                    size: meta.length.unwrap_or(version.size),
                    modified: meta.modified.unwrap_or(version.modified),
                    etag: meta.etag,
                };
            }
            Err(MediaError::S3(error)) if error.is_not_found() => {
                match of_absent(&pulling.bucket, key).await? {
                    Some(absent) => return Err(absent),
                    // The object exists after all: try again, up to the limit.
                    None if changes < CHANGES => changes += 1,
                    None => return Err(error.into()),
                }
            }
            other => return other,
        }
    }
}

async fn fetch(pulling: &Pulling, key: &str, version: &Version) -> Result<(), MediaError> {
    let counted = pulling.progression.count();
    let (file, verdict) = if version.size >= IN_RANGES {
        fetch_in_ranges(pulling, key, version, &counted).await?
    } else {
        let file = pulling.folder.begin(key)?;
        let verdict = fetch_in_one(pulling, key, version, &file, &counted).await?;
        (file.finish(version.modified)?, verdict)
    };
    if verdict != Verdict::Same {
        pulling.progression.unverified();
    }
    counted.keep();
    let entry = Entry { file, etag: version.etag.clone(), md5: None };
    pulling.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    Ok(())
}

/// Fetches an object as one stream, which resumes where it broke off.
async fn fetch_in_one(
    pulling: &Pulling,
    key: &str,
    version: &Version,
    file: &Unfinished<'_>,
    counted: &Counted<'_>,
) -> Result<Verdict, MediaError> {
    let first_part = first_part(&pulling.bucket, key, &version.etag).await?;
    let mut retry = Retry::default();
    let mut reading = Reading { position: 0, verifier: None, first_part };
    let (mut seen, mut seen_md5, mut spoilt) = (None, None, 0);
    loop {
        let before = reading.position;
        // If all bytes have arrived, only the end of the connection can have failed.
        let result = if before > 0 && before == version.size {
            Ok(())
        } else {
            stream(pulling, key, version, file, &mut reading, counted).await
        };
        let error = match result {
            Ok(()) => {
                let verifier = reading.verifier.take();
                let by_md5 = verifier.as_ref().is_some_and(Verifier::is_by_md5);
                let mut verdict = verifier.map_or(Verdict::Unknown, Verifier::finish);
                if let Verdict::NotTheEtag(found) = verdict {
                    verdict = pulling.progression.judge_md5(found, &mut seen_md5);
                    if let Verdict::Unproven(_) = verdict {
                        return Ok(verdict);
                    }
                }
                if by_md5 && verdict == Verdict::Same {
                    pulling.progression.saw_md5();
                }
                let checksum = match verdict {
                    // Two reads that agree are what the server has.
                    Verdict::Unproven(whole) if seen.replace(whole) != Some(whole) => {
                        "ETag of parts"
                    }
                    Verdict::Other(checksum) => checksum,
                    verdict => return Ok(verdict),
                };
                reading.position = 0;
                counted.start_over();
                spoilt += 1;
                S3Error::Corrupt { what: pulling.bucket.describe("read", key), checksum }
            }
            Err(MediaError::S3(error)) => {
                if reading.position > before {
                    retry.progress();
                }
                error
            }
            Err(error) => return Err(error),
        };
        // Wrong bytes count even if there was progress in between.
        if spoilt >= WRONG_READS {
            return Err(error.into());
        }
        retry.pause(error).await?;
    }
}

/// How far an object was read, and the check of its bytes so far.
struct Reading {
    position: u64,
    verifier: Option<Verifier>,
    first_part: Option<u64>,
}

async fn stream(
    pulling: &Pulling,
    key: &str,
    version: &Version,
    file: &Unfinished<'_>,
    reading: &mut Reading,
    counted: &Counted<'_>,
) -> Result<(), MediaError> {
    let range = (reading.position > 0).then_some(reading.position..version.size);
    let expected = version.size - reading.position;
    let wrong = |got| {
        let what = pulling.bucket.describe("read", key);
        MediaError::S3(S3Error::WrongLength { what, expected, got })
    };
    let mut body = pulling.bucket.get(key, range, &version.etag).await?;
    if let Some(length) = body.meta.length.filter(|length| *length != expected) {
        return Err(wrong(length));
    }
    let first_part = reading.first_part;
    let verifier = reading
        .verifier
        .get_or_insert_with(|| Verifier::new(&body.meta, &version.etag, version.size, first_part));
    let mut got = 0;
    while let Some(bytes) = body.chunk().await? {
        got += bytes.len() as u64;
        if got > expected {
            return Err(wrong(got));
        }
        file.file
            .write_all_at(&bytes, reading.position)
            .map_err(MediaError::disk("write", pulling.folder.place_of(key)))?;
        verifier.update(&bytes);
        reading.position += bytes.len() as u64;
        counted.add(bytes.len() as u64);
    }
    if got < expected { Err(wrong(got)) } else { Ok(()) }
}
