//! Finds tables whose rows must be deleted, because no rule fits one of their columns, although
//! other tables point to them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::foreign_keys::referencing;
use super::draft;
use super::suggest::Draft;
use crate::schema::{ForeignKey, Schema, TableName};

/// Tables that lose their rows, and the columns of other tables that are emptied because of that.
#[derive(Default)]
pub struct Cut<'a> {
    pub tables: BTreeSet<&'a TableName>,
    pub columns: BTreeMap<&'a TableName, BTreeSet<&'a str>>,
}

/// Includes a table only if every link to it can be emptied and belongs to a newly drafted table:
/// entries that a person wrote are not changed.
pub fn links_to_tables_without_a_rule<'a>(
    drafts: &[Draft<'a>],
    schema: &'a Schema,
    deletable: &BTreeSet<&'a TableName>,
    addresses: bool,
) -> Cut<'a> {
    let mut cut = Cut::default();
    for one in drafts {
        let lacks_a_rule = one
            .without_rule()
            .into_iter()
            .any(|column| draft::action(one.name, one.table, column, schema, addresses).is_none());
        if !one.is_new() || !lacks_a_rule || deletable.contains(one.name) || one.stays().is_some() {
            continue;
        }
        let links: Vec<(&TableName, &ForeignKey)> = referencing(schema, one.name)
            .filter(|(child, _)| *child != one.name && !deletable.contains(child))
            .collect();
        let columns: Option<Vec<(&TableName, &str)>> =
            links.iter().map(|(child, key)| can_be_empty(drafts, schema, child, key)).collect();
        let Some(columns) = columns else { continue };
        cut.tables.insert(one.name);
        for (child, column) in columns {
            cut.columns.entry(child).or_default().insert(column);
        }
    }
    cut
}

fn can_be_empty<'a>(
    drafts: &[Draft<'a>],
    schema: &'a Schema,
    child: &'a TableName,
    key: &'a ForeignKey,
) -> Option<(&'a TableName, &'a str)> {
    let is_new = drafts.iter().any(|draft| draft.name == child && draft.is_new());
    let table = schema.tables.get(child).filter(|_| is_new)?;
    let column = key.columns.iter().find(|name| {
        table.column(name).is_some_and(|column| !column.not_null && !column.generated)
    })?;
    Some((child, column))
}
