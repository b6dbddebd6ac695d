//! Copies objects through memory when the server cannot: small ones whole, large ones in parts,
//! never through the disk. The bytes are verified before they become an object.

use bytes::{Bytes, BytesMut};

use crate::adapters::s3::{ListedObject, ObjectBody, ObjectMeta, Retry, S3Error, Upload};

use super::content::{PartHasher, md5_of};
use super::copy::{Copying, MEMORY, end_upload, look};
use super::error::MediaError;
use super::push::{IN_PARTS, part_size};
use super::verify::{Verdict, Verifier, first_part};

pub async fn through_memory(
    copying: &Copying,
    object: &ListedObject,
) -> Result<String, MediaError> {
    if object.size <= IN_PARTS {
        let units = u32::try_from(object.size >> 10).unwrap_or(u32::MAX).saturating_add(1);
        // The semaphore is never closed, and a body is always smaller than its total.
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

/// Reads an object and verifies it. It is small, so a retry reads it again as a whole.
async fn read_whole(
    copying: &Copying,
    object: &ListedObject,
) -> Result<(Bytes, ObjectMeta), MediaError> {
    let mut retry = Retry::default();
    let (mut seen, mut seen_md5) = (None, None);
    loop {
        let read = read_once(copying, object).await.map(|(body, meta, verdict)| match verdict {
            Verdict::NotTheEtag(found) => {
                (body, meta, copying.progression.judge_md5(found, &mut seen_md5))
            }
            verdict => (body, meta, verdict),
        });
        let error = match read {
            Ok((_, _, Verdict::Other(checksum))) => {
                S3Error::Corrupt { what: copying.source.describe("read", &object.key), checksum }
            }
            // Two reads have agreed already.
            Ok((body, meta, verdict @ Verdict::Unproven(_))) if seen_md5.is_some() => {
                check(copying, object, verdict)?;
                return Ok((body, meta));
            }
            // Two reads that agree are what the server has, even if the part sizes of the ETag are
            // unknown.
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
    let by_md5 = verifier.is_by_md5();
    let verdict = verifier.finish();
    if by_md5 && verdict == Verdict::Same {
        copying.progression.saw_md5();
    }
    Ok((body, stream.meta.clone(), verdict))
}

fn check(copying: &Copying, object: &ListedObject, verdict: Verdict) -> Result<(), S3Error> {
    match verdict {
        Verdict::Same => Ok(()),
        Verdict::Unknown | Verdict::Unproven(_) => {
            copying.progression.unverified();
            Ok(())
        }
        Verdict::NotTheEtag(_) => {
            let what = copying.source.describe("read", &object.key);
            Err(S3Error::Corrupt { what, checksum: "MD5" })
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

/// Reads each part as a separate range, so a broken connection repeats only one part.
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
        Verdict::NotTheEtag(found) => match read_again(copying, object, md5_of(&found)).await? {
            Verdict::Unproven(_) => copying.progression.judge_md5(found, &mut Some(found)),
            verdict => verdict,
        },
        verdict => verdict,
    };
    check(copying, object, verdict)?;
    let etag = copying.destination.finish_upload(&object.key, upload, &parts).await?;
    counted.keep();
    Ok(etag)
}

/// Reads the object a second time if the ETag cannot prove the bytes, before the upload becomes an
/// object.
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
    let mut retry = Retry::default();
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
