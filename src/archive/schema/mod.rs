//! Reads the database's schema, as far as [`crate::schema`] models it, from the SQL in the TOC.
//!
//! pg_dump writes columns into CREATE TABLE. Keys, indexes, foreign keys and attached partitions
//! are separate statements. An inherited column is written with the parent only. A definition that
//! cannot be read is an error that names the entry, never an incomplete table.

mod columns;
mod constraints;
mod extension_tables;
mod inheritance;
mod mentions;
mod statements;
mod types;

use super::error::ArchiveError;
use super::sql::Reason;
use super::toc::Toc;
use crate::schema::Schema;

use inheritance::{Parents, inherit_checks, inherit_foreign_keys};
use statements::{StatementReader, Surroundings};
use types::Types;

pub use constraints::check_of;
pub use mentions::mentioned_columns;

/// Postgres' own limit.
const MAXIMUM_COLUMNS: usize = 1600;

/// Limits inheritance, so that a small archive cannot make a huge schema.
const MAXIMUM_INHERITED: usize = 1_000_000;

/// Entries whose SQL describes tables, their columns or their constraints.
const ENTRY_TYPES: [&str; 8] = [
    "TABLE",
    "FOREIGN TABLE",
    "TABLE ATTACH",
    "CONSTRAINT",
    "CHECK CONSTRAINT",
    "INDEX",
    "FK CONSTRAINT",
    "COMMENT",
];

pub fn read_schema(toc: &Toc) -> Result<Schema, ArchiveError> {
    let mut schema = Schema { has_large_objects: toc.has_large_objects(), ..Schema::default() };
    let mut room = Room(MAXIMUM_INHERITED);
    let types = Types::read(toc)?;
    schema.domains.clone_from(&types.domains);
    let mut surroundings = Surroundings::new(toc, types);
    for entry in toc.entries() {
        let matters = ENTRY_TYPES.contains(&entry.entry_type.as_str());
        let Some(definition) = entry.definition.as_deref().filter(|_| matters) else {
            continue;
        };
        let refuse = |reason| Err(ArchiveError::Definition { entry: entry.describe(), reason });
        let default_schema = entry.namespace.as_deref().unwrap_or("public");
        let mut reader = StatementReader {
            schema: &mut schema,
            surroundings: &mut surroundings,
            room: &mut room,
            default_schema,
        };
        match reader.read_all(definition) {
            Err(reason) if entry.entry_type != "FOREIGN TABLE" => return refuse(reason),
            // The rows of a foreign table are on another server. A table that inherits from it is
            // refused separately.
            _ => {}
        }
        if entry.entry_type == "TABLE" && !schema.tables.contains_key(&entry.table_name()) {
            return refuse("it does not create the table that it is named after");
        }
    }
    inherit_foreign_keys(&mut schema, &mut room)?;
    inherit_checks(&mut schema, &surroundings.parents, &mut room)?;
    extension_tables::add(&mut schema, toc)?;
    Ok(schema)
}

/// How many more columns and keys may be inherited.
struct Room(usize);

impl Room {
    fn take(&mut self, count: usize) -> Result<(), Reason> {
        self.0 = self.0.checked_sub(count).ok_or(
            "it inherits more columns and keys than any \
             database needs",
        )?;
        Ok(())
    }
}
