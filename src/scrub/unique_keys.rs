//! Decides whether rewritten values would collide in a unique key.

use super::checks::{Checks, Subject};
use super::rules::{ColumnAction, Template};
use crate::schema::{Table, UniqueKey};

pub(super) fn check(checks: &mut Checks<'_>, subject: Subject<'_>) {
    for key in &subject.table.unique_keys {
        let mut rewritten = key.columns.iter().filter(|column| can_repeat(subject, column));
        let Some(column) = rewritten.next() else { continue };
        if keeps_apart(subject, key) {
            continue;
        }
        let problem =
            format!("the new values would not be unique, but the key {} requires it", key.name);
        let fix = "use a unique placeholder, usually {id}";
        checks.rule_problem(subject, column, problem, fix);
    }
}

/// Whether the rule can give the same value to two rows with different values.
fn can_repeat(subject: Subject<'_>, column: &str) -> bool {
    match subject.rule.columns.get(column) {
        Some(ColumnAction::Set(template)) => !is_unique(subject.table, template),
        Some(ColumnAction::Replace(by)) => !by.keeps_distinct,
        Some(ColumnAction::Edit(_)) => true,
        // NULLs do not collide.
        Some(ColumnAction::Null | ColumnAction::NullUnless(_) | ColumnAction::Empty(_)) | None => {
            false
        }
    }
}

/// Whether the key still makes all rows different: by a column that is set to unique values, or by
/// a smaller unique key that the rule does not change.
fn keeps_apart(subject: Subject<'_>, key: &UniqueKey) -> bool {
    let set_to_unique = key.columns.iter().any(|column| {
        matches!(
            subject.rule.columns.get(column),
            Some(ColumnAction::Set(template)) if is_unique(subject.table, template)
        )
    });
    let untouched = |column: &String| !subject.rule.columns.contains_key(column);
    let smaller_key = subject.table.unique_keys.iter().any(|other| {
        !other.partial
            && other.columns.iter().all(|column| untouched(column) && key.columns.contains(column))
    });
    set_to_unique || smaller_key
}

/// Whether different rows get different values: every placeholder is the same column, which is
/// unique by itself. Two different placeholders side by side could give the same text.
fn is_unique(table: &Table, template: &Template) -> bool {
    let mut columns = template.columns();
    let Some(first) = columns.next() else { return false };
    columns.all(|column| column == first)
        && table
            .unique_keys
            .iter()
            .any(|key| !key.partial && matches!(key.columns.as_slice(), [only] if only == first))
}
