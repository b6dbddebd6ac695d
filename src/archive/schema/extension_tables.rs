//! Adds the tables that an extension creates and whose rows are in the archive.

use super::super::copy_statement::CopyStatement;
use super::super::error::ArchiveError;
use super::super::toc::Toc;
use crate::schema::{Column, Creator, Schema, Table};

/// Adds them to the schema. Only the column names are known, from COPY.
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
