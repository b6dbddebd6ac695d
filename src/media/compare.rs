//! Compares two sides, and decides what to transfer and what to delete.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering as Atomic};

use crate::adapters::s3::ListedObject;

use super::content::{compare_file, etag_of};
use super::copy_index::CopyIndex;
use super::error::MediaError;
use super::index::{Entry, Index};
use super::keys::is_at_or_below;
use super::local::{Folder, LocalFile};

/// What a pull must do.
#[derive(Debug, Default)]
pub struct PullDifference {
    pub transfer: Vec<ListedObject>,
    pub delete: Vec<LocalFile>,
    pub unchanged: Vec<Entry>,
    /// How many files had to be read to compare them.
    pub hashed: u64,
}

/// What a push must do.
#[derive(Debug, Default)]
pub struct PushDifference {
    pub transfer: Vec<LocalFile>,
    pub delete: Vec<ListedObject>,
    pub unchanged: Vec<Entry>,
    pub hashed: u64,
}

/// What a copy from bucket to bucket must do.
#[derive(Debug, Default)]
pub struct BucketDifference {
    pub transfer: Vec<ListedObject>,
    pub delete: Vec<ListedObject>,
    pub unchanged: u64,
}

/// Walks through two sorted lists together.
fn merge<'a, L, R>(
    left: &'a [L],
    right: &'a [R],
    left_key: fn(&L) -> &str,
    right_key: fn(&R) -> &str,
    mut visit: impl FnMut(Option<&'a L>, Option<&'a R>),
) {
    let (mut lefts, mut rights) = (left.iter().peekable(), right.iter().peekable());
    loop {
        let order = match (lefts.peek(), rights.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(l), Some(r)) => left_key(l).cmp(right_key(r)),
        };
        match order {
            Ordering::Less => visit(lefts.next(), None),
            Ordering::Greater => visit(None, rights.next()),
            Ordering::Equal => visit(lefts.next(), rights.next()),
        }
    }
}

fn object_key(object: &ListedObject) -> &str {
    &object.key
}

fn file_key(file: &LocalFile) -> &str {
    &file.key
}

/// A file and an object with the same key and size, whose bytes must be compared.
struct Doubtful<'a> {
    object: &'a ListedObject,
    file: &'a LocalFile,
}

/// Compares a bucket with the folder of a pull. `left_alone` holds keys that were refused on either
/// side. With `checksum` every file is read.
pub fn compare_for_pull(
    objects: &[ListedObject],
    files: &[LocalFile],
    left_alone: &HashSet<String>,
    index: &Index,
    folder: &Folder,
    checksum: bool,
) -> Result<PullDifference, MediaError> {
    let mut difference = PullDifference::default();
    let mut doubtful = Vec::new();
    merge(objects, files, object_key, file_key, |object, file| match (object, file) {
        (Some(object), None) => difference.transfer.push(object.clone()),
        (None, Some(file)) if !left_alone.contains(&file.key) => {
            difference.delete.push(file.clone());
        }
        (Some(object), Some(file)) if object.size != file.size => {
            difference.transfer.push(object.clone());
        }
        (Some(object), Some(file)) => match known(index, file, &object.etag, checksum) {
            Some(entry) => difference.unchanged.push(entry.clone()),
            None => doubtful.push(Doubtful { object, file }),
        },
        _ => {}
    });
    difference.hashed = doubtful.len() as u64;
    for (doubt, verdict) in doubtful.iter().zip(hash_all(&doubtful, folder)) {
        match verdict? {
            Some(entry) => difference.unchanged.push(entry),
            None => difference.transfer.push(doubt.object.clone()),
        }
    }
    Ok(difference)
}

/// Compares the folder with the bucket of a push. Objects at or below `left_alone` are not deleted,
/// because their local state is unknown.
pub fn compare_for_push(
    files: &[LocalFile],
    objects: &[ListedObject],
    left_alone: &HashSet<String>,
    index: &Index,
    folder: &Folder,
    checksum: bool,
) -> Result<PushDifference, MediaError> {
    let mut difference = PushDifference::default();
    let mut doubtful = Vec::new();
    merge(objects, files, object_key, file_key, |object, file| match (object, file) {
        (Some(object), None) => {
            let marker = object.size == 0 && object.key.ends_with('/');
            if !marker && !is_at_or_below(&object.key, left_alone) {
                difference.delete.push(object.clone());
            }
        }
        (None, Some(file)) => difference.transfer.push(file.clone()),
        (Some(object), Some(file)) if object.size != file.size => {
            difference.transfer.push(file.clone());
        }
        (Some(object), Some(file)) => match known(index, file, &object.etag, checksum) {
            Some(entry) => difference.unchanged.push(entry.clone()),
            None => doubtful.push(Doubtful { object, file }),
        },
        (None, None) => {}
    });
    difference.hashed = doubtful.len() as u64;
    for (doubt, verdict) in doubtful.iter().zip(hash_all(&doubtful, folder)) {
        match verdict? {
            Some(entry) => difference.unchanged.push(entry),
            None => difference.transfer.push(doubt.file.clone()),
        }
    }
    Ok(difference)
}

/// Compares two buckets by size and ETag. A server that copies an object uploaded in parts may
/// change its ETag, so bcops remembers the ETags of earlier copies. With `checksum` they are
/// ignored.
pub fn compare_buckets(
    source: &[ListedObject],
    destination: &[ListedObject],
    left_alone: &HashSet<String>,
    copies: &CopyIndex,
    checksum: bool,
) -> BucketDifference {
    let mut difference = BucketDifference::default();
    merge(source, destination, object_key, object_key, |from, to| match (from, to) {
        (Some(from), None) => difference.transfer.push(from.clone()),
        (None, Some(to)) if !left_alone.contains(&to.key) => difference.delete.push(to.clone()),
        (Some(from), Some(to)) => {
            let same_etag = !from.etag.is_empty() && from.etag == to.etag;
            let copied = !checksum && copies.is_copy(&to.key, &from.etag, &to.etag);
            if from.size == to.size && (same_etag || copied) {
                difference.unchanged += 1;
            } else {
                difference.transfer.push(from.clone());
            }
        }
        _ => {}
    });
    difference
}

fn known<'a>(index: &'a Index, file: &LocalFile, etag: &str, checksum: bool) -> Option<&'a Entry> {
    if checksum { None } else { index.find(file).filter(|entry| entry.is(etag)) }
}

type Verdict = Result<Option<Entry>, MediaError>;

/// Reads and hashes the files on all cores. `Some` means that the file has the object's bytes.
fn hash_all(doubtful: &[Doubtful<'_>], folder: &Folder) -> Vec<Verdict> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<(usize, Verdict)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..cores.min(doubtful.len()) {
            scope.spawn(|| {
                while let Some((at, doubt)) = {
                    let at = next.fetch_add(1, Atomic::Relaxed);
                    doubtful.get(at).map(|doubt| (at, doubt))
                } {
                    let verdict = hash(doubt, folder);
                    found.lock().unwrap_or_else(|held| held.into_inner()).push((at, verdict));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(|held| held.into_inner());
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, verdict)| verdict).collect()
}

fn hash(doubt: &Doubtful<'_>, folder: &Folder) -> Verdict {
    let key = &doubt.file.key;
    let (file, before) = folder.read(key)?;
    let content = compare_file(&file, before.size, Some(&doubt.object.etag))
        .map_err(MediaError::disk("read", folder.place_of(key)))?;
    let after = folder.look(&file, key)?;
    if !content.matches || before != after {
        return Ok(None);
    }
    let etag = doubt.object.etag.clone();
    let md5 = (etag_of(&content.md5) != etag).then_some(content.md5);
    Ok(Some(Entry { file: after, etag, md5 }))
}
