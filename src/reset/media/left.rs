//! What a copy of media left undone, in words and for the verification.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::adapters::s3::ListedObject;
use crate::media::{BucketDifference, Failure, Fate, Outcome, Refused};
use crate::reset::choices::MediaChoice;
use crate::words;

/// Objects that staging lacks although the copy has ended, and why that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaLeft {
    /// Keys that were not copied.
    pub uncopied: Vec<String>,
    /// How many objects staging has too many.
    pub undeleted: u64,
    /// When the newest object of the source was made that the copy knew of. Later ones are another
    /// day's.
    pub newest: Option<Timestamp>,
    /// Of the keys, those that somebody should know of.
    pub worth_a_warning: u64,
}

impl MediaLeft {
    pub fn of(outcome: &Outcome, undeleted: u64, newest: Option<Timestamp>) -> MediaLeft {
        let failures = || outcome.skipped.iter().chain(&outcome.failures);
        MediaLeft {
            uncopied: failures().map(|one| one.key.clone()).collect(),
            undeleted,
            newest,
            worth_a_warning: failures().filter(|one| one.fate.is_worth_a_warning()).count() as u64,
        }
    }

    /// The objects that should be in staging's bucket and are not, beside those that are known.
    pub fn unexplained<'a>(&self, difference: &'a BucketDifference) -> Vec<&'a ListedObject> {
        let is_new = |object: &ListedObject| self.newest.is_some_and(|then| object.modified > then);
        let known: std::collections::HashSet<&str> =
            self.uncopied.iter().map(String::as_str).collect();
        let left = difference.transfer.iter();
        left.filter(|object| !known.contains(object.key.as_str()) && !is_new(object)).collect()
    }
}

/// One sentence for each kind of thing that is worth a warning.
pub fn warnings(
    refused: &[Refused],
    outcome: &Outcome,
    undeleted: &[Failure],
    again: &str,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(first) = refused.first() {
        warnings.push(format!(
            "{} left alone because of their keys, the first: `{}`",
            words::plural(refused.len() as u64, "object"),
            first.key.escape_debug()
        ));
    }
    if outcome.given_up {
        warnings.push(format!(
            "the copy of media was given up after {}; try again: {again}",
            words::plural(outcome.objects, "object")
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
