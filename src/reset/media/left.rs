//! Describes what a copy of media left undone, for warnings and for the verification.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::adapters::s3::ListedObject;
use crate::media::{BucketDifference, Failure, Fate, Outcome, Refused};
use crate::reset::answers::MediaChoice;
use crate::words;

/// Objects that staging lacks after the copy, for known reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaLeft {
    /// Keys that were not copied.
    pub uncopied: Vec<String>,
    /// How many objects were not deleted from staging.
    pub undeleted: u64,
    /// When the newest object in the copy's listing of the source was made. Later objects are
    /// ignored.
    pub newest: Option<Timestamp>,
    /// How many of the keys are worth a warning.
    pub worth_a_warning: u64,
    /// Whether the copy ended before every object was tried, so that any object may be missing.
    #[serde(default)]
    pub given_up: bool,
}

impl MediaLeft {
    pub fn of(outcome: &Outcome, undeleted: u64, newest: Option<Timestamp>) -> MediaLeft {
        let failures = || outcome.skipped.iter().chain(&outcome.failures);
        MediaLeft {
            uncopied: failures().map(|one| one.key.clone()).collect(),
            undeleted,
            newest,
            worth_a_warning: failures().filter(|one| one.fate.is_worth_a_warning()).count() as u64,
            given_up: outcome.given_up,
        }
    }

    /// The objects that staging's bucket lacks without a known reason.
    pub fn unexplained<'a>(&self, difference: &'a BucketDifference) -> Vec<&'a ListedObject> {
        if self.given_up {
            return Vec::new();
        }
        let is_new = |object: &ListedObject| self.newest.is_some_and(|then| object.modified > then);
        let known: std::collections::HashSet<&str> =
            self.uncopied.iter().map(String::as_str).collect();
        let left = difference.transfer.iter();
        left.filter(|object| !known.contains(object.key.as_str()) && !is_new(object)).collect()
    }
}

/// One sentence for each kind of problem that is worth a warning. `wanted` is the number of objects
/// to copy.
pub fn warnings(
    refused: &[Refused],
    (outcome, wanted): (&Outcome, u64),
    undeleted: &[Failure],
    again: &str,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(first) = refused.first() {
        warnings.push(format!(
            "{} skipped because of their keys, the first: `{}`",
            words::plural(refused.len() as u64, "object"),
            first.key.escape_debug()
        ));
    }
    if outcome.given_up {
        let tried = outcome.objects + (outcome.skipped.len() + outcome.failures.len()) as u64;
        let untried = wanted.saturating_sub(tried);
        warnings.push(format!(
            "the copy of media stopped after {}, with {} not tried; try again: {again}",
            words::plural(outcome.objects, "object"),
            words::count(untried)
        ));
    }
    let unreadable: Vec<&Failure> = outcome.skipped.iter().chain(&outcome.failures).collect();
    let worth: Vec<&&Failure> =
        unreadable.iter().filter(|one| one.fate.is_worth_a_warning()).collect();
    if let Some(first) = worth.first() {
        let mut text = format!(
            "{} not copied ({}), the first: `{}`: {}",
            words::plural(worth.len() as u64, "object"),
            by_fate(&worth),
            first.key.escape_debug(),
            first.reason
        );
        if !outcome.failures.is_empty() && !outcome.given_up {
            text.push_str(&format!("; try again: {again}"));
        }
        warnings.push(text);
    }
    if let Some(first) = undeleted.first() {
        warnings.push(format!(
            "{} not deleted, the first: `{}`: {}",
            words::plural(undeleted.len() as u64, "object"),
            first.key.escape_debug(),
            first.reason
        ));
    }
    warnings
}

fn by_fate(failures: &[&&Failure]) -> String {
    let count = |fate: Fate| failures.iter().filter(|one| one.fate == fate).count() as u64;
    let found = Fate::ALL.into_iter().map(|fate| (count(fate), fate)).filter(|(n, _)| *n > 0);
    let words = found.map(|(number, fate)| format!("{} {}", words::count(number), fate.words()));
    words.collect::<Vec<_>>().join(", ")
}

/// The command that copies the rest once the cause is fixed.
pub fn again(source: &str, destination: &str, choice: MediaChoice) -> String {
    let images = if choice == MediaChoice::Originals { " --images" } else { "" };
    format!("bcops push-media {destination} --from {source}{images}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str) -> ListedObject {
        ListedObject {
            key: key.to_owned(),
            size: 1,
            etag: "e".to_owned(),
            modified: Timestamp::UNIX_EPOCH,
            is_archived: false,
        }
    }

    fn failure(key: &str) -> Failure {
        Failure { key: key.to_owned(), reason: "no".to_owned(), fate: Fate::Failing }
    }

    #[test]
    fn a_copy_that_stopped_early_explains_every_object_that_it_did_not_try() {
        let difference = BucketDifference {
            transfer: vec![object("a"), object("b"), object("c")],
            delete: Vec::new(),
            unchanged: 0,
        };
        let mut outcome = Outcome { failures: vec![failure("a")], ..Outcome::default() };
        let left = MediaLeft::of(&outcome, 0, None);
        assert_eq!(left.unexplained(&difference).len(), 2);
        outcome.given_up = true;
        let left = MediaLeft::of(&outcome, 0, None);
        assert!(left.unexplained(&difference).is_empty());
        let warnings = warnings(&[], (&outcome, 3), &[], "again");
        assert!(warnings[0].contains("2 not tried"), "{warnings:?}");
        // A journal from before this field existed.
        let old = r#"{"uncopied":["a"],"undeleted":0,"newest":null,"worth_a_warning":1}"#;
        assert!(!serde_json::from_str::<MediaLeft>(old).expect("an old journal").given_up);
    }
}
