//! Lists the tables and columns without a class, each with a guess.

use super::super::manifest::Manifest;
use super::super::rules::Class;
use super::super::suspicious_names;
use super::guess::guess;
use super::sample::ColumnSample;
use crate::schema::{Schema, TableName};

/// A table of which something lacks a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnclassedTable {
    pub table: TableName,
    /// Whether the table itself has no entry.
    pub is_new: bool,
    /// All columns of a new table, or else those that must have a class and have none.
    pub columns: Vec<UnclassedColumn>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnclassedColumn {
    pub name: String,
    pub type_name: String,
    /// A guess by the column's name and type, and the reason for it.
    pub guess: Class,
    pub reason: String,
}

/// The tables and columns that stop a pull until they have a class.
pub fn unclassed(schema: &Schema, manifest: &Manifest) -> Vec<UnclassedTable> {
    let manifest = &*manifest.fitted(schema);
    let mut found = Vec::new();
    for (name, table) in &schema.tables {
        let entry = manifest.entry_of(schema, name);
        let lacking = table.columns.iter().filter(|column| match entry {
            Some(entry) => {
                !entry.columns.contains_key(&column.name)
                    && suspicious_names::needs_class(table, column, entry.class)
            }
            None => !column.generated,
        });
        let columns: Vec<UnclassedColumn> = lacking
            .map(|column| {
                let guess = guess(name, table, column, &ColumnSample::default());
                UnclassedColumn {
                    name: column.name.clone(),
                    type_name: column.type_name.clone(),
                    guess: guess.class,
                    reason: guess.reason,
                }
            })
            .collect();
        if entry.is_none() || !columns.is_empty() {
            found.push(UnclassedTable { table: name.clone(), is_new: entry.is_none(), columns });
        }
    }
    found
}
