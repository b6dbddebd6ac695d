//! Finds statements of a manifest that have no effect or contradict each other, although it can be
//! applied.
//!
//! The checks of a plan find what cannot be applied. Everything here is a warning.

use std::collections::BTreeSet;

use super::super::manifest::{ANY_POLICY, Manifest, TableEntry};
use super::super::rules::{
    Class, ColumnAction, ColumnReference, Condition, Literal, RowRule, Rule, Test,
};
use super::problem::{Problem, ProblemKind, Severity};
use crate::schema::{Schema, Table, TableName};

/// Finds rules of `any` that never apply, because each policy has its own rule.
pub fn regardless_of_policy(manifest: &Manifest, problems: &mut Vec<Problem>) {
    for (name, entry) in &manifest.tables {
        let rules = entry.rules();
        let all_named = manifest.policies.iter().all(|policy| rules.contains_key(policy));
        if let Some(rule) = rules.get(ANY_POLICY).filter(|_| all_named) {
            problems.push(warning(
                name,
                None,
                rule,
                "the rule of `any` is never used: every policy has its own rule",
                "remove it, or one of the other rules",
            ));
        }
    }
}

/// Finds statements without effect under one policy.
pub fn under_policy(
    manifest: &Manifest,
    policy: &str,
    schema: &Schema,
    mut found: impl FnMut(Problem),
) {
    for (name, table) in &schema.tables {
        // A partition has the rule of its parent, which is checked itself.
        let Some(entry) = manifest.tables.get(name) else { continue };
        let Some(rule) = entry.rule(policy) else { continue };
        let mut subject =
            Subject { manifest, policy, schema, name, table, rule, found: &mut found };
        subject.content_columns(entry);
        subject.audit_allow(entry);
        subject.conditions();
        subject.empty_lookups();
    }
}

struct Subject<'a, F: FnMut(Problem)> {
    manifest: &'a Manifest,
    policy: &'a str,
    schema: &'a Schema,
    name: &'a TableName,
    table: &'a Table,
    rule: &'a Rule,
    found: &'a mut F,
}

impl<F: FnMut(Problem)> Subject<'_, F> {
    fn warn(&mut self, column: &str, problem: impl Into<String>, fix: impl Into<String>) {
        (self.found)(warning(self.name, Some(column), self.rule, problem, fix));
    }

    /// Warns about replaced content. Removing parts of published text, or links to deleted rows, is
    /// fine: the rest is still published.
    fn content_columns(&mut self, entry: &TableEntry) {
        if self.rule.reason.is_some() {
            return;
        }
        for (column, action) in &self.rule.columns {
            let is_content = matches!(entry.columns.get(column), Some((Class::Content, _)));
            let replaces = matches!(
                action,
                ColumnAction::Set(_) | ColumnAction::Null | ColumnAction::Replace(_)
            );
            if is_content && replaces {
                self.warn(
                    column,
                    "the column is classed content, but the rule replaces the published values",
                    "class it personal, or give a reason: reason = \"...\"",
                );
            }
        }
    }

    fn audit_allow(&mut self, entry: &TableEntry) {
        for column in &self.rule.audit_allow {
            let holds_text = self.table.column(column).is_none_or(|column| column.can_hold_text());
            let why = if self.rule.rows == RowRule::Delete {
                "no row stays"
            } else if matches!(entry.columns.get(column), Some((Class::Content, _))) {
                "the audit allows content anyway"
            } else if !holds_text {
                "the column holds no text"
            } else {
                continue;
            };
            self.warn(
                column,
                format!("audit_allow has no effect: {why}"),
                "remove the column from it",
            );
        }
    }

    /// Finds conditions that no row or every row meets.
    fn conditions(&mut self) {
        let RowRule::KeepWhere(conditions) = &self.rule.rows else { return };
        for (index, condition) in conditions.iter().enumerate() {
            let column = &condition.column;
            let not_null = self.table.column(column).is_some_and(|column| column.not_null);
            match condition.test {
                Test::IsNull if not_null => self.warn(
                    column,
                    "no row is kept: the column is NOT NULL, so it is never null",
                    "delete = true",
                ),
                Test::NotNull if not_null => {
                    let problem = "the condition has no effect: the column is NOT NULL";
                    self.warn(column, problem, "remove the condition");
                }
                _ => {}
            }
            let later = conditions.get(index + 1..).unwrap_or_default();
            if later.iter().any(|other| exclude_each_other(condition, other)) {
                let problem = "no row is kept: two conditions on the column exclude each other";
                self.warn(column, problem, "delete = true, or remove one of the conditions");
            }
        }
    }

    /// Finds lookups into tables of which no row is kept.
    fn empty_lookups(&mut self) {
        if let RowRule::KeepWhere(conditions) = &self.rule.rows {
            for condition in conditions {
                if let Test::In(references) = &condition.test
                    && self.all_deleted(references)
                {
                    let problem =
                        format!("no row is kept: no value of {} is kept", listed(references));
                    self.warn(&condition.column, problem, "delete = true");
                }
            }
        }
        for (column, action) in &self.rule.columns {
            if let ColumnAction::NullUnless(references) = action
                && self.all_deleted(references)
            {
                let problem = format!("always null: no value of {} is kept", listed(references));
                self.warn(column, problem, format!("null = [\"{column}\"]"));
            }
        }
    }

    fn all_deleted(&self, references: &[ColumnReference]) -> bool {
        references.iter().all(|reference| {
            let entry = self.manifest.entry_of(self.schema, &reference.table);
            let rule = entry.and_then(|entry| entry.rule(self.policy));
            rule.is_some_and(|rule| rule.rows == RowRule::Delete)
        })
    }
}

fn listed(references: &[ColumnReference]) -> String {
    references.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

fn exclude_each_other(left: &Condition, right: &Condition) -> bool {
    if left.column != right.column {
        return false;
    }
    match (&left.test, &right.test) {
        (Test::IsNull, Test::IsNull) => false,
        (Test::IsNull, _) | (_, Test::IsNull) => true,
        (Test::OneOf(left), Test::OneOf(right)) => {
            let texts = |literals: &[Literal]| -> BTreeSet<String> {
                literals.iter().map(ToString::to_string).collect()
            };
            texts(left).is_disjoint(&texts(right))
        }
        _ => false,
    }
}

fn warning(
    table: &TableName,
    column: Option<&str>,
    rule: &Rule,
    problem: impl Into<String>,
    fix: impl Into<String>,
) -> Problem {
    Problem {
        severity: Severity::Warning,
        kind: ProblemKind::Contradictory,
        table: Some(table.clone()),
        column: column.map(String::from),
        place: Some(rule.place.clone()),
        policies: Vec::new(),
        problem: problem.into(),
        fix: fix.into(),
    }
}
