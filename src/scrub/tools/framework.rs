//! Supplies what is known about the tables that Django and Wagtail create on every site.

use std::collections::BTreeMap;

use super::super::manifest::{Manifest, TableEntry};
use super::super::rules::Class;
use super::suggest::Samples;
use crate::schema::{Schema, TableName};

/// The prefixes of these tables' names.
const PREFIXES: [&str; 4] = ["auth_", "django_", "taggit_", "wagtail"];

/// The built-in manifest's entries for tables of the schema that the manifest lacks. An entry is
/// skipped if sampled values contradict one of its operational columns.
pub fn entries(
    schema: &Schema,
    manifest: &Manifest,
    samples: &dyn Samples,
) -> BTreeMap<TableName, TableEntry> {
    let Ok(built_in) = Manifest::built_in() else { return BTreeMap::new() };
    let is_framework = |name: &TableName| {
        name.schema == "public" && PREFIXES.iter().any(|prefix| name.name.starts_with(prefix))
    };
    let mut entries = BTreeMap::new();
    for (name, mut entry) in built_in.tables {
        let Some(table) = schema.tables.get(&name).filter(|_| is_framework(&name)) else {
            continue;
        };
        if manifest.tables.contains_key(&name) || !entry.has_rules_for(&manifest.policies) {
            continue;
        }
        entry.columns.retain(|column, _| table.column(column).is_some());
        let is_contradicted = entry.columns.iter().any(|(column, (class, _))| {
            let sample = samples.column(&name, column);
            *class == Class::Operational && (!sample.hits.is_empty() || sample.unread > 0)
        });
        if !is_contradicted {
            entries.insert(name, entry);
        }
    }
    entries
}
