//! Counts the values of each kind in a text, and which of them the manifest allows.

use std::collections::BTreeMap;

use super::loose_emails::{find_blank_emails, find_loose_emails};
use super::patterns::{Kind, Match, Strength, find_all, find_emails, find_numbers};

/// Counts by kind and strength: values that are not allowed, and values that match the manifest's
/// allow list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally([[[u64; 2]; 2]; Kind::ALL.len()]);

impl Tally {
    pub(super) fn count(&mut self, kind: Kind, strength: Strength, allowed: bool) {
        let counts = self.0.get_mut(kind as usize).and_then(|one| one.get_mut(strength as usize));
        if let Some(entry) = counts.and_then(|counts| counts.get_mut(usize::from(allowed))) {
            *entry += 1;
        }
    }

    pub(super) fn add(&mut self, other: Tally) {
        for (own, other) in self.entries_mut().zip(other.entries()) {
            *own += other;
        }
    }

    /// The counts of this tally minus those of the other one.
    pub(super) fn beyond(mut self, other: Tally) -> Tally {
        for (own, other) in self.entries_mut().zip(other.entries()) {
            *own = own.saturating_sub(other);
        }
        self
    }

    /// The tally without one kind.
    pub(super) fn without(mut self, kind: Kind) -> Tally {
        if let Some(entry) = self.0.get_mut(kind as usize) {
            *entry = [[0; 2]; 2];
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries().all(|count| count == 0)
    }

    pub(super) fn has_unknown(&self) -> bool {
        self.0.iter().flatten().any(|[unknown, _]| *unknown > 0)
    }

    /// Whether a National Insurance number that a person can have is among the values.
    pub(super) fn holds_a_valid_nino(&self) -> bool {
        self.0.get(Kind::Nino as usize).is_some_and(|[[unknown, _], _]| *unknown > 0)
    }

    /// Each kind with its values that are not allowed, and its allowed values.
    pub(super) fn by_kind(self) -> impl Iterator<Item = (Kind, [u64; 2])> {
        let sum = |[[a, b], [c, d]]: [[u64; 2]; 2]| [a + c, b + d];
        Kind::ALL.into_iter().zip(self.0.map(sum))
    }

    /// As [`Self::by_kind`], with strong and weak matches separate.
    pub(super) fn by_strength(self) -> impl Iterator<Item = (Kind, Strength, [u64; 2])> {
        Kind::ALL.into_iter().zip(self.0).flat_map(|(kind, [strong, weak])| {
            [(kind, Strength::Strong, strong), (kind, Strength::Weak, weak)]
        })
    }

    /// The same counts, all as weak matches, because decoding creates some matches by chance.
    pub(super) fn weakened(mut self) -> Tally {
        for [strong, weak] in &mut self.0 {
            for (strong, weak) in strong.iter_mut().zip(weak) {
                *weak += std::mem::take(strong);
            }
        }
        self
    }

    fn entries(&self) -> impl Iterator<Item = u64> {
        self.0.into_iter().flatten().flatten()
    }

    fn entries_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        self.0.iter_mut().flatten().flatten()
    }
}

/// The values that the manifest allows, because they are not personal.
#[derive(Debug, Clone, Default)]
pub(super) struct AllowList(BTreeMap<Kind, Vec<String>>);

impl AllowList {
    pub(super) fn new(patterns: BTreeMap<Kind, Vec<String>>) -> Self {
        AllowList(patterns)
    }

    /// What the patterns find in a text as written.
    pub(super) fn tally(&self, text: &[u8]) -> Tally {
        let mut result = self.plain_tally(text);
        result.add(self.loose_tally(text));
        result
    }

    /// What the scan of rows finds.
    pub(super) fn plain_tally(&self, text: &[u8]) -> Tally {
        let mut result = Tally::default();
        let mut count = |hit: Match| result.count(hit.kind, hit.strength, self.allows(text, &hit));
        find_emails(text, &mut count);
        find_numbers(text, &mut count);
        result
    }

    /// Addresses with spaces and brackets. The scan of rows leaves them to the search of decoded
    /// values.
    pub(super) fn loose_tally(&self, text: &[u8]) -> Tally {
        let mut result = Tally::default();
        find_loose_emails(text, |hit| {
            result.count(hit.kind, hit.strength, self.allows(text, &hit));
        });
        result
    }

    /// The part of these addresses that is fastest to find: for published content.
    pub(super) fn blank_tally(&self, text: &[u8]) -> Tally {
        let mut result = Tally::default();
        find_blank_emails(text, |hit| {
            result.count(hit.kind, hit.strength, self.allows(text, &hit));
        });
        result
    }

    /// Counts a text if all of it is one value.
    pub(super) fn whole(&self, text: &[u8]) -> Tally {
        let mut result = Tally::default();
        for hit in find_all(text, |_| true) {
            if hit.range == (0..text.len()) {
                result.count(hit.kind, hit.strength, self.allows(text, &hit));
            }
        }
        result
    }

    pub(super) fn allows(&self, text: &[u8], hit: &Match) -> bool {
        let value = text.get(hit.range.clone()).unwrap_or_default();
        self.0.get(&hit.kind).is_some_and(|patterns| {
            patterns.iter().any(|pattern| matches_pattern(pattern.as_bytes(), value))
        })
    }
}

/// Whether the value matches the pattern, ignoring case. `*` matches any text.
fn matches_pattern(pattern: &[u8], value: &[u8]) -> bool {
    let mut parts = pattern.split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some((head, mut rest)) = value.split_at_checked(first.len()) else { return false };
    if !head.eq_ignore_ascii_case(first) {
        return false;
    }
    let parts: Vec<&[u8]> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle.iter().filter(|part| !part.is_empty()) {
        let found = rest.windows(part.len()).position(|window| window.eq_ignore_ascii_case(part));
        let Some(position) = found else { return false };
        rest = rest.get(position + part.len()..).unwrap_or_default();
    }
    rest.len() >= last.len()
        && rest.get(rest.len() - last.len()..).is_some_and(|tail| tail.eq_ignore_ascii_case(last))
}
