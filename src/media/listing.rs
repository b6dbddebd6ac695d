//! Lists all media of a bucket, and fails if the listing is incomplete or implausible.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use futures_util::future::try_join_all;

use crate::adapters::s3::{ListedObject, SourceBucket};

use super::error::MediaError;

/// How many empty pages in a row a server may send.
const EMPTY_PAGES: usize = 20;

/// The most objects that bcops lists: more than any site has, and a limit for memory.
const MOST_OBJECTS: usize = 5_000_000;

/// A server may send short pages, but one that sends more than this number probably never ends.
const MOST_SHORT_PAGES: usize = 2_000;

/// A page with fewer objects than this is short.
const SHORT_PAGE: usize = 10;

/// All objects below some prefixes, sorted by key in byte order.
#[derive(Debug, Default)]
pub struct Listing {
    pub objects: Vec<ListedObject>,
}

impl Listing {
    pub fn bytes(&self) -> u64 {
        self.objects.iter().map(|object| object.size).sum()
    }
}

/// Lists all objects below the prefixes. `found` is called with the number of objects on each page.
pub async fn list(
    bucket: &SourceBucket,
    prefixes: &[String],
    found: &(dyn Fn(usize) + Sync),
) -> Result<Listing, MediaError> {
    let lists = prefixes.iter().map(|prefix| list_prefix(bucket, prefix, found));
    let mut objects: Vec<ListedObject> = try_join_all(lists).await?.into_iter().flatten().collect();
    // Some servers list in the order of folders, so the keys may not be sorted.
    if !objects.is_sorted_by(|one, two| one.key < two.key) {
        objects.sort_unstable_by(|one, two| one.key.cmp(&two.key));
        if let Some(pair) = objects.windows(2).find(|pair| matches!(pair, [a, b] if a.key == b.key))
        {
            let key = pair.first().map(|object| object.key.escape_debug().to_string());
            return Err(MediaError::BadListing {
                place: bucket.place(),
                reason: format!("`{}` is listed twice", key.unwrap_or_default()),
            });
        }
    }
    Ok(Listing { objects })
}

async fn list_prefix(
    bucket: &SourceBucket,
    prefix: &str,
    found: &(dyn Fn(usize) + Sync),
) -> Result<Vec<ListedObject>, MediaError> {
    let mut objects: Vec<ListedObject> = Vec::new();
    let mut token: Option<String> = None;
    let mut seen = HashSet::new();
    let (mut empty, mut short) = (0, 0);
    let mut progress = Progress::default();
    loop {
        let page = bucket.list_page(prefix, token.as_deref()).await?;
        empty = if page.objects.is_empty() { empty + 1 } else { 0 };
        if empty > EMPTY_PAGES {
            return Err(MediaError::BadListing {
                place: bucket.place(),
                reason: format!(
                    "the server sent {EMPTY_PAGES} pages without an object and \
                     announced more"
                ),
            });
        }
        short += usize::from(page.objects.len() < SHORT_PAGE);
        if short > MOST_SHORT_PAGES && page.next.is_some() {
            return Err(MediaError::BadListing {
                place: bucket.place(),
                reason: format!("the server sent {short} nearly empty pages and announced more"),
            });
        }
        found(page.objects.len());
        progress
            .check(&objects, &page.objects)
            .map_err(|reason| MediaError::BadListing { place: bucket.place(), reason })?;
        objects.extend(page.objects);
        match page.next {
            Some(next) if seen.insert(next.clone()) => token = Some(next),
            Some(_) => {
                return Err(MediaError::BadListing {
                    place: bucket.place(),
                    reason: "the server sent the same page again".to_owned(),
                });
            }
            None => return Ok(objects),
        }
    }
}

/// Checks that a listing makes progress. A faulty server that repeats keys or never ends would fill
/// the memory.
#[derive(Default)]
struct Progress {
    /// Digests of all keys, kept once a key is out of order. Keys in order cannot repeat.
    digests: Option<HashSet<u64>>,
    hasher: RandomState,
}

impl Progress {
    fn check(&mut self, before: &[ListedObject], page: &[ListedObject]) -> Result<(), String> {
        if before.len() + page.len() > MOST_OBJECTS {
            return Err(format!(
                "the server listed more than {MOST_OBJECTS} objects, which is the \
                 limit"
            ));
        }
        let last = before.last().into_iter();
        let is_in_order = last.chain(page).is_sorted_by(|one, two| one.key < two.key);
        if is_in_order && self.digests.is_none() {
            return Ok(());
        }
        let Progress { digests, hasher } = self;
        let digests = digests.get_or_insert_with(|| {
            before.iter().map(|object| hasher.hash_one(&object.key)).collect()
        });
        match page.iter().find(|object| !digests.insert(hasher.hash_one(&object.key))) {
            None => Ok(()),
            Some(again) => Err(format!("`{}` is listed twice", again.key.escape_debug())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(keys: &[&str]) -> Vec<ListedObject> {
        let object = |key: &&str| ListedObject {
            key: (*key).to_owned(),
            size: 1,
            etag: String::new(),
            modified: jiff::Timestamp::UNIX_EPOCH,
            is_archived: false,
        };
        keys.iter().map(object).collect()
    }

    #[test]
    fn a_repeated_key_is_found_in_any_order() {
        let mut progress = Progress::default();
        let mut all = objects(&["a", "b"]);
        for page in [&["c", "d"][..], &["aa", "ab"], &["x"]] {
            progress.check(&all, &objects(page)).unwrap();
            all.extend(objects(page));
        }
        for again in ["a", "ab", "x"] {
            let mut progress = Progress::default();
            let error = progress.check(&all, &objects(&[again])).unwrap_err();
            assert!(error.contains("is listed twice"), "{error}");
        }
    }
}
