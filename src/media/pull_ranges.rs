//! Fetches large objects in several ranges at once into one file. The next run resumes the file if
//! this one is interrupted. The whole file is verified at the end.

use std::io::{Read, Seek};
use std::os::unix::fs::FileExt;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::adapters::s3::{Retry, S3Error};

use super::engine::Counted;
use super::error::MediaError;
use super::local::LocalFile;
use super::local_files::Unfinished;
use super::pull::{Pulling, Version};
use super::resume::Begun;
use super::verify::{Verdict, Verifier, first_part};

const RANGE: u64 = 16 << 20;
const RANGES_AT_ONCE: usize = 4;

/// An object that is being fetched, and its file.
struct Fetch<'a> {
    pulling: &'a Pulling,
    key: &'a str,
    version: &'a Version,
    file: &'a Unfinished<'a>,
    begun: &'a Begun,
    counted: &'a Counted<'a>,
}

pub async fn fetch_in_ranges(
    pulling: &Pulling,
    key: &str,
    version: &Version,
    counted: &Counted<'_>,
) -> Result<(LocalFile, Verdict), MediaError> {
    let identity = (version.etag.as_str(), version.size, RANGE);
    let (file, begun) = pulling.resumes.begin(&pulling.folder, key, identity)?;
    let fetch = Fetch { pulling, key, version, file: &file, begun: &begun, counted };
    match fetch.until_right().await {
        Ok(verdict) => {
            let file = file.finish(version.modified)?;
            begun.forget();
            Ok((file, verdict))
        }
        Err(error) => {
            if !is_worth_keeping(&error) {
                file.discard();
                begun.forget();
            }
            Err(error)
        }
    }
}

/// Whether the next run can use the bytes so far. On a disk error they are deleted, because a full
/// disk needs the room.
fn is_worth_keeping(error: &MediaError) -> bool {
    match error {
        MediaError::S3(S3Error::Corrupt { .. } | S3Error::Changed { .. }) => false,
        MediaError::S3(error) => !error.is_not_found() && !error.is_archived(),
        _ => false,
    }
}

impl Fetch<'_> {
    /// Fetches the whole object again until its bytes are shown to be right.
    async fn until_right(&self) -> Result<Verdict, MediaError> {
        let mut retry = Retry::default();
        let (mut seen, mut seen_md5) = (None, None);
        loop {
            let mut verdict = self.all_ranges().await?;
            if let Verdict::NotTheEtag(found) = verdict {
                verdict = self.pulling.progression.judge_md5(found, &mut seen_md5);
                if let Verdict::Unproven(_) = verdict {
                    return Ok(verdict);
                }
            }
            let checksum = match verdict {
                // Two reads that agree are what the server has.
                Verdict::Unproven(whole) if seen.replace(whole) != Some(whole) => "ETag of parts",
                Verdict::Other(checksum) => checksum,
                verdict => return Ok(verdict),
            };
            self.begun.start_over()?;
            self.counted.start_over();
            let what = self.pulling.bucket.describe("read", self.key);
            retry.pause(S3Error::Corrupt { what, checksum }).await?;
        }
    }

    async fn all_ranges(&self) -> Result<Verdict, MediaError> {
        let (bucket, version) = (&self.pulling.bucket, self.version);
        let meta = bucket.head(self.key).await?;
        if !version.etag.is_empty() && !meta.etag.is_empty() && meta.etag != version.etag {
            return Err(S3Error::Changed { what: bucket.describe("read", self.key) }.into());
        }
        let first_part = first_part(bucket, self.key, &version.etag).await?;
        let verifier = Verifier::new(&meta, &version.etag, version.size, first_part);
        // Ranges of an earlier run count only if the final check can prove them.
        if !verifier.proves() && !self.begun.done().is_empty() {
            self.begun.start_over()?;
        }
        let done = self.begun.done();
        let starts = (0..version.size).step_by(usize::try_from(RANGE).unwrap_or(usize::MAX));
        let ranges = starts.map(|start| start..(start + RANGE).min(version.size));
        let (there, missing): (Vec<_>, Vec<_>) =
            ranges.partition(|range| done.contains(&range.start));
        self.counted.add(there.iter().map(|range| range.end - range.start).sum());
        stream::iter(missing)
            .map(|range| self.range(range))
            .buffer_unordered(RANGES_AT_ONCE)
            .try_collect::<()>()
            .await?;
        self.verify(verifier)
    }

    async fn range(&self, range: std::ops::Range<u64>) -> Result<(), MediaError> {
        let mut retry = Retry::default();
        let mut position = range.start;
        while position < range.end {
            let before = position;
            match self.stream(&mut position, range.end).await {
                Ok(()) => {}
                Err(MediaError::S3(error)) => {
                    if position > before {
                        retry.progress();
                    }
                    retry.pause(error).await?;
                }
                Err(error) => return Err(error),
            }
        }
        self.begun.note(range.start)
    }

    async fn stream(&self, position: &mut u64, end: u64) -> Result<(), MediaError> {
        let Fetch { pulling, key, version, file, .. } = self;
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
            self.counted.add(bytes.len() as u64);
        }
        if got < expected { Err(wrong(got)) } else { Ok(()) }
    }

    /// Reads the file back, usually from the page cache, and verifies it.
    fn verify(&self, mut verifier: Verifier) -> Result<Verdict, MediaError> {
        let read = || -> std::io::Result<Verdict> {
            let mut file = self.file.file.try_clone()?;
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
        tokio::task::block_in_place(read)
            .map_err(MediaError::disk("read", self.pulling.folder.place_of(self.key)))
    }
}
