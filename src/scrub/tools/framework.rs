//! Supplies what the packs know about the tables of a site.

use std::collections::BTreeMap;

use super::super::manifest::{Manifest, TableEntry};
use super::super::rules::{Class, ColumnAction, Piece};
use super::may_write_addresses;
use super::suggest::Samples;
use crate::schema::{Schema, TableName};

/// The packs' entries for tables of the schema that the manifest lacks. An entry is skipped if
/// sampled values contradict one of its operational columns, or if it writes addresses that the
/// manifest's audit would find.
pub fn entries(
    schema: &Schema,
    manifest: &Manifest,
    samples: &dyn Samples,
) -> BTreeMap<TableName, TableEntry> {
    let Ok(packs) = Manifest::of_every_pack() else { return BTreeMap::new() };
    let mut entries = packs.fitted(schema).into_owned().tables;
    entries.retain(|name, entry| {
        let is_contradicted = entry.columns.iter().any(|(column, (class, _))| {
            let sample = samples.column(name, column);
            *class == Class::Operational && (!sample.hits.is_empty() || sample.unread > 0)
        });
        let is_wanted = manifest.entry_of(schema, name).is_none()
            && (may_write_addresses(manifest) || !writes_addresses(entry));
        is_wanted && entry.has_rules_for(&manifest.policies) && !is_contradicted
    });
    entries
}

fn writes_addresses(entry: &TableEntry) -> bool {
    let has_address = |action: &ColumnAction| match action {
        ColumnAction::Set(template) => template
            .pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Literal(text) if text.contains('@'))),
        _ => false,
    };
    entry.rules().values().any(|rule| rule.columns.values().any(has_address))
}
