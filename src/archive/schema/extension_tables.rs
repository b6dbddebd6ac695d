//! Tables that an extension creates, and of which the archive holds rows.
//!
//! Of a table that belongs to an extension pg_dump writes no definition. It writes the rows, or
//! some of them, where the extension marks the table as configuration: PostGIS' coordinate systems,
//! pg_partman's settings. Their entry depends on the number of a table that is not in the archive,
//! and on nothing else. Entries without a definition and without an extension in the archive are
//! those of a dump with --data-only, and stay unknown here.

use super::super::copy_statement::CopyStatement;
use super::super::error::ArchiveError;
use super::super::toc::Toc;
use super::super::toc_entry::TocEntry;
use crate::schema::{Column, Creator, Schema, Table};

/// Adds them. All that is known of their columns are the names that COPY lists.
pub(super) fn add(schema: &mut Schema, toc: &Toc) -> Result<(), ArchiveError> {
    if !toc.entries().iter().any(|entry| entry.entry_type == "EXTENSION") {
        return Ok(());
    }
    for entry in toc.table_data().filter(|entry| is_without_definition(toc, entry)) {
        let name = entry.table_name();
        if schema.tables.contains_key(&name) {
            continue;
        }
        let Some(copy) = CopyStatement::of(entry)? else { continue };
        let columns = copy.columns.into_iter().map(|name| Column {
            name,
            type_name: String::new(),
            not_null: false,
            generated: false,
        });
        let table =
            Table { columns: columns.collect(), creator: Creator::Extension, ..Table::default() };
        schema.tables.insert(name, table);
    }
    Ok(())
}

/// Whether nothing that the entry depends on is there, but for the rows of other tables: a foreign
/// key between two of the extension's tables makes one depend on the other.
fn is_without_definition(toc: &Toc, entry: &TocEntry) -> bool {
    let mut found = entry.dependencies.iter().filter_map(|id| toc.get(*id));
    found.all(|other| other.entry_type == "TABLE DATA")
}
