//! Lists the accounts of a backup to choose from. Their secrets are not kept.

use std::io::Read;

use super::Account;
use super::stored::{StoredError, check_encoding, read_row};
use crate::archive::{ArchiveReader, Block, CopyStatement};
use crate::schema::TableName;
use crate::scrub::{BATCH, Framer};

/// Reads the users table, and stops.
///
/// # Errors
/// If the backup cannot be read, or has no rows of the table.
pub fn list(reader: impl Read, users_table: &str) -> Result<Vec<Account>, StoredError> {
    let mut archive = ArchiveReader::open(reader)?;
    check_encoding(archive.toc())?;
    let users = TableName::public(users_table);
    let no_table = || StoredError::NoTable { table: users_table.to_owned() };
    if !archive.toc().table_data().any(|entry| entry.table_name() == users) {
        return Err(no_table());
    }
    while let Some(block) = archive.next_block()? {
        let Block::Table(mut block) = block else { continue };
        if block.entry().table_name() != users {
            continue;
        }
        let Some(copy) = CopyStatement::of(block.entry())? else {
            return Err(StoredError::InsertStyle { table: users_table.to_owned() });
        };
        if !copy.columns.iter().any(|column| column == "username") {
            let table = users_table.to_owned();
            return Err(StoredError::NoColumn { table, column: "username" });
        }
        let mut found = Vec::new();
        let mut framer = Framer::new(&users);
        while block.read_into(framer.buffer(), BATCH)? > 0 {
            let Some(rows) = framer.complete_rows()? else { continue };
            for line in rows.split_inclusive(|byte| *byte == b'\n') {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                let row = read_row(line, users_table, &copy.columns)?;
                let text = |column| row.value(column).unwrap_or_default().to_owned();
                let name = format!("{} {}", text("first_name"), text("last_name"));
                found.push(Account {
                    username: text("username"),
                    email: text("email"),
                    name: name.trim().to_owned(),
                    is_superuser: row.value("is_superuser") == Some("t"),
                    is_active: row.value("is_active") != Some("f"),
                    last_login: row
                        .value("last_login")
                        .and_then(|at| at.get(..10).map(str::to_owned)),
                    groups: Vec::new(),
                });
            }
        }
        framer.check_empty()?;
        found.sort_by(|one, other| one.username.cmp(&other.username));
        return Ok(found);
    }
    Err(no_table())
}
