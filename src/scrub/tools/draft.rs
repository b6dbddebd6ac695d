//! Drafts rules for columns and tables that were just classed as personal.

use std::collections::BTreeSet;

use super::super::column_type::{ColumnType, placeholder_length};
use super::super::foreign_keys::referencing;
use super::super::manifest::Manifest;
use super::super::patterns::Kind;
use super::super::replacements::UNUSABLE_PASSWORD;
use super::super::rules::{ColumnAction, RowRule, Template};
use crate::schema::{Column, Schema, Table, TableName};

/// The candidates whose rows can all be deleted, because everything that points to them is deleted
/// too.
pub fn deletable<'a>(
    candidates: impl Iterator<Item = &'a TableName>,
    manifest: &Manifest,
    schema: &Schema,
) -> BTreeSet<&'a TableName> {
    let mut result: BTreeSet<&TableName> = candidates.collect();
    // Each excluded table can exclude others, so repeat until none is excluded.
    loop {
        let kept: BTreeSet<&TableName> = result
            .iter()
            .copied()
            .filter(|table| {
                referencing(schema, table).all(|(child, _)| {
                    child == *table || result.contains(child) || is_deleted(child, manifest, schema)
                })
            })
            .collect();
        if kept.len() == result.len() {
            return result;
        }
        result = kept;
    }
}

fn is_deleted(table: &TableName, manifest: &Manifest, schema: &Schema) -> bool {
    manifest.entry_of(schema, table).is_some_and(|entry| {
        manifest
            .policies
            .iter()
            .all(|policy| entry.rule(policy).is_some_and(|rule| rule.rows == RowRule::Delete))
    })
}

/// The action for a personal column of rows that stay. `None` if no action fits.
pub fn action(
    name: &TableName,
    table: &Table,
    column: &Column,
    schema: &Schema,
    addresses: bool,
) -> Option<ColumnAction> {
    let has = |columns: &[String]| columns.contains(&column.name);
    let is_key = table.unique_keys.iter().any(|key| key.primary && has(&key.columns))
        || referencing(schema, name).any(|(_, key)| has(&key.referenced_columns));
    if is_key || column.generated {
        return None;
    }
    if !column.not_null {
        return Some(ColumnAction::Null);
    }
    if table.foreign_keys.iter().any(|key| has(&key.columns)) {
        return None;
    }
    let unique = table.unique_keys.iter().any(|key| has(&key.columns));
    let is_password = column.name.to_lowercase().contains("password");
    let family = ColumnType::of(column);
    if is_password
        && !unique
        && family == ColumnType::Text
        && fits(column, UNUSABLE_PASSWORD.longest)
    {
        return Some(ColumnAction::Replace(&UNUSABLE_PASSWORD));
    }
    let value = match family {
        ColumnType::Text | ColumnType::OtherText if unique => {
            return unique_value(table, column, addresses);
        }
        _ if unique => return None,
        ColumnType::Text | ColumnType::OtherText | ColumnType::SearchVector => "",
        ColumnType::Json | ColumnType::Jsonb => "{{}}",
        ColumnType::TextArray => "{{}}",
        ColumnType::Integer => "0",
        ColumnType::Boolean => "f",
        ColumnType::Uuid | ColumnType::Other => return None,
    };
    Template::parse(value).ok().map(ColumnAction::Set)
}

/// Whether a foreign key of another table points to the column.
pub(in super::super) fn is_referenced(schema: &Schema, name: &TableName, column: &str) -> bool {
    referencing(schema, name).any(|(_, key)| key.referenced_columns.iter().any(|one| one == column))
}

/// Whether the audit allows the addresses that bcops itself would write.
pub(in super::super) fn may_write_addresses(manifest: &Manifest) -> bool {
    let allowed = manifest.allow.get(&Kind::Email);
    allowed.is_some_and(|allowed| allowed.iter().any(|one| one == "*@example.invalid"))
}

/// A value made from the primary key, so as unique as that. It is an address only if the audit does
/// not take it for a person's address.
pub(in super::super) fn unique_value(
    table: &Table,
    column: &Column,
    addresses: bool,
) -> Option<ColumnAction> {
    let primary = table.unique_keys.iter().find(|key| key.primary)?;
    let [id] = primary.columns.as_slice() else { return None };
    let id_column = table.column(id).filter(|id| id.not_null)?;
    let id_length = placeholder_length(id_column)?;
    let (before, after) = match addresses && column.name.to_lowercase().contains("mail") {
        true => ("removed.", "@example.invalid"),
        false => ("removed-", ""),
    };
    let lengths = [before.len() + id_length + after.len(), id_length];
    let texts = [format!("{before}{{{id}}}{after}"), format!("{{{id}}}")];
    let (_, text) = lengths.into_iter().zip(texts).find(|(length, _)| fits(column, *length))?;
    Template::parse(&text).ok().map(ColumnAction::Set)
}

fn fits(column: &Column, length: usize) -> bool {
    column.max_length().is_none_or(|limit| length <= limit)
}
