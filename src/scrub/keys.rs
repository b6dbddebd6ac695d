//! Holds the keys of rows that stay, for rules that look into other tables.
//!
//! Keys live in memory: one for each kept row of the tables that rules look into. Django's keys are
//! integers, which take 8 bytes each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::copy_text::unescape;
use super::revisions::ContentType;
use super::rules::ColumnReference;
use crate::schema::TableName;

/// The values of one column in the rows that stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet {
    integers: HashSet<i64>,
    /// Values that are not integers in their shortest form.
    texts: HashSet<Box<[u8]>>,
}

impl KeySet {
    /// Adds the value of a field that is not NULL.
    pub fn insert(&mut self, field: &[u8]) {
        match canonical_integer(field) {
            Some(integer) => self.integers.insert(integer),
            None => self.texts.insert(unescape(field).into()),
        };
    }

    pub fn contains(&self, field: &[u8]) -> bool {
        match canonical_integer(field) {
            Some(integer) => self.integers.contains(&integer),
            None => self.texts.contains(unescape(field).as_ref()),
        }
    }

    pub fn len(&self) -> usize {
        self.integers.len() + self.texts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The integer, if the field is its shortest form: `007` is not an integer here.
fn canonical_integer(field: &[u8]) -> Option<i64> {
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    match digits {
        [b'0'] if field.len() == 1 => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// All keys of a run.
#[derive(Debug, Clone, Default)]
pub struct KeySets {
    sets: HashMap<ColumnReference, Arc<KeySet>>,
    content_types: HashMap<TableName, Vec<ContentType>>,
}

impl KeySets {
    /// The values of a column. Empty if no row of the table was read.
    pub(super) fn get(&self, reference: &ColumnReference) -> Arc<KeySet> {
        self.sets.get(reference).cloned().unwrap_or_default()
    }

    /// The models that a table of content types lists. Empty if the table was not read.
    pub(super) fn content_types(&self, table: &TableName) -> &[ContentType] {
        self.content_types.get(table).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn absorb_content_types(&mut self, table: TableName, rows: Vec<ContentType>) {
        self.content_types.entry(table).or_default().extend(rows);
    }

    /// Adds what one table or one partition has collected.
    pub(super) fn absorb(&mut self, reference: ColumnReference, collected: KeySet) {
        let set = Arc::make_mut(self.sets.entry(reference).or_default());
        if set.is_empty() {
            *set = collected;
        } else {
            set.integers.extend(collected.integers);
            set.texts.extend(collected.texts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_equal_if_their_texts_are() {
        let mut keys = KeySet::default();
        for field in [&b"7"[..], b"-9223372036854775808", b"007", b"a\\\\b", b""] {
            keys.insert(field);
        }
        assert_eq!(keys.len(), 5);
        assert!(keys.contains(b"7") && keys.contains(b"007") && keys.contains(b""));
        assert!(keys.contains(b"a\\x5cb"), "another escape of the same value");
        assert!(!keys.contains(b"07") && !keys.contains(b"-0") && !keys.contains(b"0"));
        assert!(!keys.contains(b"9223372036854775808"));
    }

    #[test]
    fn partitions_add_up() {
        let reference = ColumnReference::parse("parent.id").unwrap();
        let mut sets = KeySets::default();
        for value in [&b"1"[..], b"2"] {
            let mut keys = KeySet::default();
            keys.insert(value);
            sets.absorb(reference.clone(), keys);
        }
        assert_eq!(sets.get(&reference).len(), 2);
        assert!(sets.get(&ColumnReference::parse("other.id").unwrap()).is_empty());
    }
}
