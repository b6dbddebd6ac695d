//! Tables that an extension creates, and of which the archive holds rows.

use super::super::copy_statement::CopyStatement;
use super::super::error::ArchiveError;
use super::super::toc::Toc;
use crate::schema::{Column, Creator, Schema, Table};

/// Adds them. All that is known of their columns are the names that COPY lists.
pub(super) fn add(schema: &mut Schema, toc: &Toc) -> Result<(), ArchiveError> {
    for entry in toc.rows_of_extensions() {
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
