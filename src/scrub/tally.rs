//! How many values of each kind a text holds, and which of them the manifest allows.

use std::collections::BTreeMap;

use super::patterns::{Kind, Match, find_emails, find_numbers};

/// By kind: values that nobody has allowed, and values that match the manifest's allow list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally([[u64; 2]; Kind::ALL.len()]);

impl Tally {
    pub(super) fn count(&mut self, kind: Kind, allowed: bool) {
        if let Some(entry) =
            self.0.get_mut(kind as usize).and_then(|counts| counts.get_mut(usize::from(allowed)))
        {
            *entry += 1;
        }
    }

    pub(super) fn add(&mut self, other: Tally) {
        for (own, other) in self.0.iter_mut().flatten().zip(other.0.into_iter().flatten()) {
            *own += other;
        }
    }

    /// What is in this tally beyond what is in the other one.
    pub(super) fn beyond(mut self, other: Tally) -> Tally {
        for (own, other) in self.0.iter_mut().flatten().zip(other.0.into_iter().flatten()) {
            *own = own.saturating_sub(other);
        }
        self
    }

    /// The tally with nothing of one kind.
    pub(super) fn without(mut self, kind: Kind) -> Tally {
        if let Some(entry) = self.0.get_mut(kind as usize) {
            *entry = [0; 2];
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().flatten().all(|count| *count == 0)
    }

    pub(super) fn has_unknown(&self) -> bool {
        self.0.iter().any(|[unknown, _]| *unknown > 0)
    }

    /// Each kind with its values that nobody has allowed and those that are.
    pub(super) fn by_kind(self) -> impl Iterator<Item = (Kind, [u64; 2])> {
        Kind::ALL.into_iter().zip(self.0)
    }
}

/// The values of the manifest that are not personal.
#[derive(Debug, Clone, Default)]
pub(super) struct AllowList(BTreeMap<Kind, Vec<String>>);

impl AllowList {
    pub(super) fn new(patterns: BTreeMap<Kind, Vec<String>>) -> Self {
        AllowList(patterns)
    }

    /// What the patterns find in a text as it stands.
    pub(super) fn tally(&self, text: &[u8]) -> Tally {
        let mut result = Tally::default();
        let mut count = |hit: Match| result.count(hit.kind, self.allows(text, &hit));
        find_emails(text, &mut count);
        find_numbers(text, &mut count);
        result
    }

    pub(super) fn allows(&self, text: &[u8], hit: &Match) -> bool {
        let value = text.get(hit.range.clone()).unwrap_or_default();
        self.0.get(&hit.kind).is_some_and(|patterns| {
            patterns.iter().any(|pattern| matches_pattern(pattern.as_bytes(), value))
        })
    }
}

/// Whether the value fits the pattern, in which `*` stands for any text, regardless of case.
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
