//! Refuses an archive whose rows cannot be scrubbed by the rules of their tables.
//!
//! Rules are chosen by table. So every block must hold rows of a table that the archive or one of
//! its extensions creates, as COPY text for that same table.

use crate::archive::{ArchiveError, CopyStatement, Toc, TocEntry};
use crate::failure::{CommandError, FailureKind};
use crate::schema::Schema;

#[derive(Debug, thiserror::Error)]
pub enum BlocksError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("cannot use the backup: {reason}; nothing was changed")]
    Refused { reason: String, fix: Option<&'static str> },
}

pub fn check_blocks(toc: &Toc, schema: &Schema) -> Result<(), BlocksError> {
    let refuse = |reason: String, fix| Err(BlocksError::Refused { reason, fix });
    if let Some(entry) = toc.insert_style_tables().next() {
        return refuse(
            format!(
                "it holds the rows of {} as INSERT statements, which bcops cannot scrub",
                entry.table_name()
            ),
            Some("make the backup without --inserts, --column-inserts and --rows-per-insert"),
        );
    }
    for entry in toc.table_data() {
        let table = entry.table_name();
        let Some(found) = schema.tables.get(&table) else {
            return match is_foreign(toc, entry) {
                true => refuse(
                    format!("it holds rows of the foreign table {table}"),
                    Some("make the backup without --include-foreign-data"),
                ),
                false => refuse(
                    format!("it holds rows of {table} but does not create that table"),
                    Some("make the backup of the whole database, without --data-only"),
                ),
            };
        };
        let Some(copy) = CopyStatement::of(entry)? else { continue };
        if !schema.ancestors(&table).any(|name| *name == copy.target) {
            return refuse(format!("its rows of {table} go into {}", copy.target), None);
        }
        if let Some(column) = copy.columns.iter().find(|column| found.column(column).is_none()) {
            return refuse(
                format!("its rows of {table} have a column {column}, which the table lacks"),
                None,
            );
        }
    }
    Ok(())
}

fn is_foreign(toc: &Toc, entry: &TocEntry) -> bool {
    let mut found = entry.dependencies.iter().filter_map(|id| toc.get(*id));
    found.any(|other| other.entry_type == "FOREIGN TABLE")
}

impl From<BlocksError> for CommandError {
    fn from(error: BlocksError) -> Self {
        match error {
            BlocksError::Archive(error) => error.into(),
            BlocksError::Refused { fix, .. } => {
                CommandError::wrap(FailureKind::Refused, error).with_hints(fix)
            }
        }
    }
}
