//! Refuses an archive whose rows cannot be judged by the tables that they are said to belong to.
//!
//! Every block must be the rows of a table that the archive itself creates, or one of its extensions,
//! as COPY text that goes to that table: the rules are chosen by the table.

use crate::archive::{ArchiveError, CopyStatement, Toc, TocEntry};
use crate::failure::{CommandError, FailureKind};
use crate::schema::Schema;

#[derive(Debug, thiserror::Error)]
pub enum BlocksError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("{reason}; nothing was changed")]
    Refused { reason: String, mend: Option<&'static str> },
}

pub fn check_blocks(toc: &Toc, schema: &Schema) -> Result<(), BlocksError> {
    let refuse = |reason: String, mend| Err(BlocksError::Refused { reason, mend });
    if let Some(entry) = toc.insert_style_tables().next() {
        return refuse(
            format!(
                "the rows of {} were dumped as INSERT statements, which cannot be scrubbed",
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
                    format!("{table} is a foreign table, and the backup holds its rows"),
                    Some("make the backup without --include-foreign-data"),
                ),
                false => refuse(
                    format!("the backup has rows of {table} but does not create that table"),
                    Some("make the backup of the whole database, without --data-only"),
                ),
            };
        };
        let Some(copy) = CopyStatement::of(entry)? else { continue };
        if !schema.ancestors(&table).any(|name| *name == copy.target) {
            return refuse(format!("the rows of {table} are meant for {}", copy.target), None);
        }
        if let Some(column) = copy.columns.iter().find(|column| found.column(column).is_none()) {
            return refuse(
                format!("the rows of {table} have a column {column}, which it has not"),
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
            BlocksError::Refused { mend, .. } => {
                CommandError::wrap(FailureKind::Refused, error).with_hints(mend)
            }
        }
    }
}
