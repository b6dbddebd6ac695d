//! Deletes surplus files and objects, as the last step and within limits. An object in an unclear
//! state is not deleted.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::str::FromStr;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::adapters::s3::{DestinationBucket, ListedObject, SourceBucket};
use crate::private_folder;
use crate::words;

use super::engine::Failure;
use super::error::MediaError;
use super::fate::Fate;
use super::local::{Folder, LocalFile};

const DEFAULT_SHARE: f64 = 20.0;
const ALWAYS_ALLOWED: u64 = 50;
/// The most objects that one S3 request can delete.
const BATCH: usize = 1000;
const AT_ONCE: usize = 32;
/// After this many keys in a row without an answer, the source counts as down.
const FAILURES_IN_A_ROW: usize = 64;

/// The value of `--max-delete`: a number, or a share of the destination.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MaxDelete {
    Objects(u64),
    Percent(f64),
}

impl FromStr for MaxDelete {
    type Err = String;

    fn from_str(text: &str) -> Result<MaxDelete, String> {
        let wrong = || "write a number of objects, or a share such as 30%".to_owned();
        match text.strip_suffix('%') {
            Some(share) => match share.trim().parse::<f64>() {
                Ok(share) if (0.0..=100.0).contains(&share) => Ok(MaxDelete::Percent(share)),
                _ => Err(wrong()),
            },
            None => text.trim().parse().map(MaxDelete::Objects).map_err(|_| wrong()),
        }
    }
}

impl TryFrom<String> for MaxDelete {
    type Error = String;

    fn try_from(text: String) -> Result<MaxDelete, String> {
        text.parse()
    }
}

impl From<MaxDelete> for String {
    fn from(limit: MaxDelete) -> String {
        limit.to_string()
    }
}

impl std::fmt::Display for MaxDelete {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MaxDelete::Objects(count) => write!(f, "{count}"),
            MaxDelete::Percent(share) => write!(f, "{share}%"),
        }
    }
}

/// How many objects may be deleted.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeletionLimit {
    /// `None` is the default: 20 % of the destination, or 50 objects if that is more.
    pub given: Option<MaxDelete>,
}

impl DeletionLimit {
    pub fn of(&self, destination: u64) -> u64 {
        let share = |percent: f64| (destination as f64 * percent / 100.0).floor() as u64;
        match self.given {
            Some(MaxDelete::Objects(count)) => count,
            Some(MaxDelete::Percent(percent)) => share(percent),
            None => share(DEFAULT_SHARE).max(ALWAYS_ALLOWED),
        }
    }
}

/// The numbers of one prefix.
#[derive(Debug, Clone, Default)]
pub struct Deletions {
    pub prefix: String,
    pub source: u64,
    pub destination: u64,
    pub delete: u64,
}

/// Refuses deletions that look like a mistake: an empty source, an empty prefix in the source, or
/// too many deletions.
pub fn check_deletions(
    counts: &[Deletions],
    limit: &DeletionLimit,
    source: &str,
    destination: &str,
) -> Result<(), MediaError> {
    let total = |number: fn(&Deletions) -> u64| counts.iter().map(number).sum::<u64>();
    let (in_source, in_destination) = (total(|one| one.source), total(|one| one.destination));
    let delete = total(|one| one.delete);
    if delete == 0 {
        return Ok(());
    }
    if in_source == 0 {
        return Err(MediaError::Refused(format!(
            "{source} holds no media, so {} of {destination} would be deleted; nothing was changed",
            words::plural(delete, "object")
        )));
    }
    let emptied = counts.iter().find(|one| one.source == 0 && one.delete > 0);
    if let Some(one) = emptied.filter(|_| limit.given.is_none()) {
        return Err(MediaError::Refused(format!(
            "{source} holds nothing below {}, so all {} there in {destination} would be deleted; \
             nothing was changed",
            one.prefix,
            words::plural(one.delete, "object")
        )));
    }
    let allowed = limit.of(in_destination);
    if delete > allowed {
        return Err(MediaError::Refused(format!(
            "{} of the {} in {destination} would be deleted, but the limit is {}; nothing was \
             changed",
            words::count(delete),
            words::plural(in_destination, "object"),
            words::count(allowed)
        )));
    }
    Ok(())
}

/// Asks the source for each key that its listing lacked. If one of them exists, the listing was
/// incomplete and nothing is deleted. Returns the keys without a clear answer: they may still
/// exist, so they stay.
pub async fn confirm_gone(
    source: &SourceBucket,
    keys: &[String],
) -> Result<Vec<Failure>, MediaError> {
    let looks: Vec<_> = keys.iter().map(|key| is_gone(source, key)).collect();
    let mut answers = stream::iter(looks).buffered(AT_ONCE);
    let (mut unknown, mut asked, mut in_a_row) = (Vec::new(), 0, 0);
    // Stop if the source is down: asking for every remaining key, with retries, would take too
    // long.
    while in_a_row < FAILURES_IN_A_ROW {
        let Some(answer) = answers.try_next().await? else { break };
        asked += 1;
        let is_failing = answer.as_ref().is_some_and(|one| one.fate == Fate::Failing);
        in_a_row = if is_failing { in_a_row + 1 } else { 0 };
        unknown.extend(answer);
    }
    unknown.extend(keys.iter().skip(asked).map(|key| Failure {
        key: key.clone(),
        reason: "not deleted: the source did not answer for the keys before it".to_owned(),
        fate: Fate::Failing,
    }));
    Ok(unknown)
}

async fn is_gone(source: &SourceBucket, key: &str) -> Result<Option<Failure>, MediaError> {
    match source.head(key).await {
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => {
            let error = MediaError::from(error);
            let (key, fate) = (key.to_owned(), error.fate());
            let reason = format!("not deleted: {}", error.line());
            Ok(Some(Failure { key, reason, fate }))
        }
        Ok(_) => Err(MediaError::BadListing {
            place: source.place(),
            reason: format!(
                "it lacked `{}`, which exists; nothing was deleted",
                key.escape_debug()
            ),
        }),
    }
}

/// Records what is about to be deleted. If the record cannot be written, nothing is deleted.
fn note(state: &Path, place: &str, keys: &[(&str, u64, &str)]) -> Result<(), MediaError> {
    let path = state.join("media").join("deleted.jsonl");
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            private_folder::create(folder)?;
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600);
        let mut file = options.open(&path)?;
        let objects: Vec<_> = keys
            .iter()
            .map(|(key, size, etag)| json!({ "key": key, "size": size, "etag": etag }))
            .collect();
        let line = json!({
            "schema_version": 1,
            "at": jiff::Timestamp::now().to_string(),
            "place": place,
            "deleting": objects,
        });
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()
    };
    write().map_err(MediaError::disk("write the journal", &path))
}

/// Deletes files. Returns how many, and those that could not be deleted.
pub fn delete_files(
    folder: &Folder,
    files: &[LocalFile],
    state: &Path,
) -> Result<(u64, Vec<Failure>), MediaError> {
    if files.is_empty() {
        return Ok((0, Vec::new()));
    }
    let noted: Vec<(&str, u64, &str)> =
        files.iter().map(|file| (file.key.as_str(), file.size, "")).collect();
    note(state, &folder.path().display().to_string(), &noted)?;
    let mut failures = Vec::new();
    for file in files {
        // A file that has changed since it was listed stays.
        let same = folder.read(&file.key).map(|(_, now)| now == *file);
        let result = match same {
            Ok(true) => folder.remove(&file.key),
            Ok(false) => Err(MediaError::Refused(
                "the file changed after it was \
                 listed"
                    .to_owned(),
            )),
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            let (key, reason) = (file.key.clone(), error.line());
            failures.push(Failure { key, reason, fate: error.fate() });
        }
    }
    Ok(((files.len() - failures.len()) as u64, failures))
}

/// Deletes objects in batches. Returns how many, and those that could not be deleted.
pub async fn delete_objects(
    bucket: &DestinationBucket,
    objects: &[ListedObject],
    state: &Path,
) -> Result<(u64, Vec<Failure>), MediaError> {
    let place = bucket.reading().place();
    let mut failures = Vec::new();
    for batch in objects.chunks(BATCH) {
        let noted: Vec<(&str, u64, &str)> =
            batch.iter().map(|one| (one.key.as_str(), one.size, one.etag.as_str())).collect();
        note(state, &place, &noted)?;
        let keys: Vec<&str> = batch.iter().map(|object| object.key.as_str()).collect();
        match bucket.delete(&keys).await {
            Ok(undeleted) => failures.extend(undeleted.into_iter().map(|one| Failure {
                key: one.key,
                reason: one.reason,
                fate: Fate::Refused,
            })),
            // A failed batch does not stop the others: its objects stay, and the report names them.
            Err(error) => {
                let error = MediaError::from(error);
                let (reason, fate) = (error.line(), error.fate());
                failures.extend(keys.iter().map(|key| Failure {
                    key: (*key).to_owned(),
                    reason: reason.clone(),
                    fate,
                }));
            }
        }
    }
    Ok(((objects.len() - failures.len().min(objects.len())) as u64, failures))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(source: u64, destination: u64, delete: u64) -> Vec<Deletions> {
        vec![Deletions { prefix: "images/".to_owned(), source, destination, delete }]
    }

    #[test]
    fn limits_hold() {
        let check = |counts: &[Deletions], given: Option<MaxDelete>| {
            check_deletions(counts, &DeletionLimit { given }, "a", "b").map_err(|e| e.to_string())
        };
        assert!(check(&counts(1000, 1000, 200), None).is_ok());
        assert!(check(&counts(1000, 1000, 201), None).unwrap_err().contains("201 of the 1,000"));
        assert!(check(&counts(10, 60, 50), None).is_ok(), "50 are always allowed");
        assert!(check(&counts(10, 61, 51), None).is_err());
        assert!(check(&counts(10, 61, 51), Some(MaxDelete::Objects(51))).is_ok());
        assert!(check(&counts(10, 61, 3), Some(MaxDelete::Objects(2))).is_err());
        assert!(check(&counts(10, 100, 51), Some(MaxDelete::Percent(50.0))).is_err());
        assert!(check(&counts(0, 3, 3), Some(MaxDelete::Percent(100.0))).is_err());
        assert!(check(&counts(0, 0, 0), None).is_ok());
        let mut two = counts(0, 3, 3);
        two.extend(counts(1000, 1000, 0));
        assert!(check(&two, None).unwrap_err().contains("nothing below images/"));
        assert!(check(&two, Some(MaxDelete::Objects(3))).is_ok());
    }

    #[test]
    fn limits_are_read() {
        assert_eq!("30%".parse(), Ok(MaxDelete::Percent(30.0)));
        assert_eq!("7".parse(), Ok(MaxDelete::Objects(7)));
        for wrong in ["", "%", "-1", "101%", "x", "NaN%"] {
            assert!(wrong.parse::<MaxDelete>().is_err(), "{wrong}");
        }
    }
}
