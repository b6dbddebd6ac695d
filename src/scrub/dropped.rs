//! Counts members that were dropped from JSON because the manifest does not name them: by name, and
//! never with a value.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::schema::TableName;

/// The most names that are counted one by one. Further names are counted together.
const MOST_NAMES: usize = 500;

/// Longer names may be values themselves.
const LONGEST_NAME: usize = 64;

/// How often a member was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DroppedMember {
    pub table: TableName,
    /// The model of a revision, or the column.
    pub of: String,
    /// The path to the member.
    pub member: String,
    pub count: u64,
}

/// The counts of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DroppedCounts(BTreeMap<(String, String), u64>);

impl DroppedCounts {
    pub(super) fn count(&mut self, of: &str, member: String) {
        let mut key = (of.to_owned(), member);
        if self.0.len() >= MOST_NAMES && !self.0.contains_key(&key) {
            key.1 = "further members".into();
        }
        *self.0.entry(key).or_default() += 1;
    }

    pub(super) fn of_table(self, table: &TableName) -> Vec<DroppedMember> {
        let members = self.0.into_iter();
        let members = members.map(|((of, member), count)| DroppedMember {
            table: table.clone(),
            of,
            member,
            count,
        });
        members.collect()
    }
}

/// A member's name as it may be shown. A name that no program would choose may be a value.
pub(super) fn shown_name(name: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let is_name = name.first().is_some_and(|first| !first.is_ascii_digit())
        && name.len() <= LONGEST_NAME
        && name.iter().all(is_plain);
    match is_name {
        true => String::from_utf8_lossy(name).into_owned(),
        false => "(a name that is not shown)".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_may_be_values_are_not_shown() {
        assert_eq!(shown_name(b"hero_items"), "hero_items");
        for name in ["ann@canary.example", "07700900123", "Ann Canary", "", &"x".repeat(65)] {
            assert_eq!(shown_name(name.as_bytes()), "(a name that is not shown)");
        }
    }

    #[test]
    fn names_are_counted_one_by_one_up_to_a_limit() {
        let mut counts = DroppedCounts::default();
        (0..2 * MOST_NAMES).for_each(|number| counts.count("x", format!("a{number}")));
        let members = counts.of_table(&TableName::public("t"));
        assert_eq!(members.len(), MOST_NAMES + 1);
        assert_eq!(members.iter().map(|one| one.count).sum::<u64>(), 2 * MOST_NAMES as u64);
    }
}
