//! Decides whether dropping rows would leave foreign keys that point nowhere.

use super::checks::{Checks, Subject};
use super::rules::{ColumnAction, ColumnReference, Condition, RowRule, Rule, Test, manifest_name};
use crate::schema::{ForeignKey, Schema, TableName};

/// The foreign keys that point to a table, or to the parent of which it is a partition.
pub(super) fn referencing<'a>(
    schema: &'a Schema,
    table: &'a TableName,
) -> impl Iterator<Item = (&'a TableName, &'a ForeignKey)> {
    schema.tables.iter().flat_map(move |(name, other)| {
        let points_here =
            move |key: &&ForeignKey| schema.ancestors(table).any(|one| *one == key.references);
        other.foreign_keys.iter().filter(points_here).map(move |key| (name, key))
    })
}

pub(super) fn check(checks: &mut Checks<'_>, subject: Subject<'_>) {
    let schema = checks.schema;
    for (name, key) in referencing(schema, subject.name) {
        for child in schema.with_partitions(name) {
            let rule =
                checks.manifest.entry_of(schema, child).and_then(|entry| entry.rule(checks.policy));
            if !follows(subject, child, rule, key) && !leads(schema, subject, child, key) {
                let column = key.columns.first().map(String::as_str).unwrap_or_default();
                let target = key.referenced_columns.first().map(String::as_str).unwrap_or_default();
                let (child, parent) = (manifest_name(child), manifest_name(subject.name));
                checks.rule_problem(
                    subject,
                    target,
                    format!(
                        "the rule drops rows that {child}.{column} may point to (foreign key {})",
                        key.name
                    ),
                    format!(
                        "in the rule of {child}: delete = true, or\n\
                         keep_where = [{{ column = \"{column}\", in = \"{parent}.{target}\" }}], or\n\
                         null_unless = {{ {column} = {{ in = \"{parent}.{target}\" }} }}"
                    ),
                );
            }
        }
    }
}

/// Whether the rule of the referencing table handles its foreign key.
fn follows(subject: Subject<'_>, child: &TableName, rule: Option<&Rule>, key: &ForeignKey) -> bool {
    let Some(rule) = rule else { return false };
    if rule.rows == RowRule::Delete {
        return true;
    }
    // A foreign key with a NULL column is satisfied.
    if key.columns.iter().any(|column| rule.columns.get(column) == Some(&ColumnAction::Null)) {
        return true;
    }
    let ([column], [target]) = (key.columns.as_slice(), key.referenced_columns.as_slice()) else {
        return false;
    };
    if child == subject.name {
        return false;
    }
    let referenced = |references: &[ColumnReference]| {
        let to_parent = |reference: &ColumnReference| {
            reference.column == *target
                && (reference.table == *subject.name || reference.table == key.references)
        };
        references.iter().all(to_parent)
    };
    let nulled = match rule.columns.get(column) {
        Some(ColumnAction::NullUnless(references)) => referenced(references),
        _ => false,
    };
    let dropped = conditions(rule).iter().any(|condition| {
        condition.column == *column
            && match &condition.test {
                Test::In(references) => referenced(references),
                Test::IsNull => true,
                Test::OneOf(_) | Test::NotNull => false,
            }
    });
    nulled || dropped
}

/// Whether the rule keeps at least the rows that the foreign key points to.
fn leads(schema: &Schema, subject: Subject<'_>, child: &TableName, key: &ForeignKey) -> bool {
    let ([column], [target]) = (key.columns.as_slice(), key.referenced_columns.as_slice()) else {
        return false;
    };
    match conditions(subject.rule) {
        [Condition { column: own, test: Test::In(references) }] => {
            let asks_child = |reference: &ColumnReference| {
                reference.column == *column
                    && schema.ancestors(child).any(|one| *one == reference.table)
            };
            own == target && references.iter().any(asks_child)
        }
        _ => false,
    }
}

fn conditions(rule: &Rule) -> &[Condition] {
    match &rule.rows {
        RowRule::KeepWhere(conditions) => conditions,
        RowRule::Keep | RowRule::Delete => &[],
    }
}
