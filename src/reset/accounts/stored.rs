//! Reads accounts from a backup while it streams past. Only the rows of the wanted users are kept,
//! in memory, and their values are never printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;

use thiserror::Error;

use super::tables::{
    AccountTables, CONTENT_TYPES, GROUPS, PERMISSIONS, PROFILE_OWNER, PROFILES, owner_column,
};
use crate::archive::{ArchiveError, ArchiveReader, Block, CopyStatement, TableBlock, Toc};
use crate::failure::{CommandError, FailureKind};
use crate::schema::TableName;
use crate::scrub::copy_text::{NULL, unescape};
use crate::scrub::{BATCH, Framer, FramingError};
use crate::secret::Secret;

#[derive(Debug, Error)]
pub enum StoredError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Framing(#[from] FramingError),
    #[error("the backup has no rows of the table {table}")]
    NoTable { table: String },
    #[error("cannot read the rows of {table}: they were dumped as INSERT statements")]
    InsertStyle { table: String },
    #[error("the backup has no column {column} in {table}")]
    NoColumn { table: String, column: &'static str },
    #[error("the backup is damaged: a row of {table} has {found} columns instead of {expected}")]
    FieldCount { table: String, found: usize, expected: usize },
    #[error("cannot read {table}.{column}: a value is not UTF-8")]
    NotUtf8 { table: String, column: String },
}

/// One row, by column. Its values are never shown.
#[derive(Debug, Clone)]
pub(super) struct StoredRow(Vec<(String, Option<Secret>)>);

impl StoredRow {
    /// The value of a column. `None` for NULL and for a missing column.
    pub fn value(&self, column: &str) -> Option<&str> {
        self.find(column).flatten()
    }

    /// The value of a column. `None` for a missing column, and `Some(None)` for NULL.
    pub fn find(&self, column: &str) -> Option<Option<&str>> {
        let (_, value) = self.0.iter().find(|(name, _)| name == column)?;
        Some(value.as_ref().map(Secret::expose))
    }

    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// A permission by its meaning, because ids differ between databases.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Permission {
    pub app_label: String,
    pub model: String,
    pub codename: String,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} ({})", self.app_label, self.codename, self.model)
    }
}

/// An account with its row, groups, permissions and profile.
#[derive(Clone)]
pub struct StoredAccount {
    pub(super) username: String,
    pub(super) row: StoredRow,
    pub(super) groups: Vec<String>,
    pub(super) permissions: Vec<Permission>,
    pub(super) profile: Option<StoredRow>,
}

impl StoredAccount {
    pub fn username(&self) -> &str {
        &self.username
    }
}

impl fmt::Debug for StoredAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredAccount([secret])")
    }
}

/// Reads the wanted accounts from a backup, in the order of their usernames. Reading stops after
/// the last table that is needed.
///
/// A wanted account that the backup does not have is missing from the result, so the caller has to
/// compare.
///
/// # Errors
/// If the backup cannot be read, or has no rows of the users table. If the backup lacks a table of
/// groups, permissions or profiles, that table counts as empty.
pub fn read(
    reader: impl Read,
    wanted: &BTreeSet<String>,
    users_table: &str,
) -> Result<Vec<StoredAccount>, StoredError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut archive = ArchiveReader::open(reader)?;
    let toc = archive.toc().clone();
    check_encoding(&toc)?;
    let tables = AccountTables::of(users_table);
    let mut needed: BTreeSet<TableName> = toc
        .table_data()
        .map(|entry| entry.table_name())
        .filter(|table| table.schema == "public" && tables.names().contains(&table.name.as_str()))
        .collect();
    if !needed.contains(&TableName::public(users_table)) {
        return Err(StoredError::NoTable { table: users_table.to_owned() });
    }
    let mut kept = Kept { tables, wanted, users: None, rows: BTreeMap::new() };
    while !needed.is_empty() {
        match archive.next_block()? {
            Some(Block::Table(block)) => {
                if needed.remove(&block.entry().table_name()) {
                    kept.read_table(block)?;
                }
            }
            Some(Block::LargeObjects(_)) => {}
            None => break,
        }
    }
    kept.accounts()
}

pub(super) fn check_encoding(toc: &Toc) -> Result<(), ArchiveError> {
    match toc.encoding() {
        // Text of an unknown encoding is accepted if each value is UTF-8.
        None | Some("UTF8" | "UTF-8" | "SQL_ASCII") => Ok(()),
        Some(other) => Err(ArchiveError::UnsupportedEncoding { encoding: other.to_owned() }),
    }
}

/// The rows that are, or may be, needed.
struct Kept<'w> {
    tables: AccountTables,
    wanted: &'w BTreeSet<String>,
    /// The ids of the wanted users, known after the users table. Tables that come before it are
    /// kept completely until then. They contain only ids and settings.
    users: Option<BTreeSet<String>>,
    rows: BTreeMap<String, Vec<StoredRow>>,
}

impl Kept<'_> {
    fn read_table<R: Read>(&mut self, mut block: TableBlock<'_, R>) -> Result<(), StoredError> {
        let entry = block.entry();
        let (table, name) = (entry.table_name(), entry.tag.clone());
        let Some(copy) = CopyStatement::of(entry)? else {
            return Err(StoredError::InsertStyle { table: name });
        };
        let owner = self.owner(&name, &copy.columns)?;
        let mut kept = Vec::new();
        let mut framer = Framer::new(&table);
        while block.read_into(framer.buffer(), BATCH)? > 0 {
            let Some(rows) = framer.complete_rows()? else { continue };
            for line in rows.split_inclusive(|byte| *byte == b'\n') {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                let row = read_row(line, &name, &copy.columns)?;
                if self.is_needed(&name, owner, &row) {
                    kept.push(row);
                }
            }
        }
        framer.check_empty()?;
        if name == self.tables.users {
            let ids = kept.iter().filter_map(|row| row.value("id").map(str::to_owned));
            self.users = Some(ids.collect());
        }
        self.rows.insert(name, kept);
        Ok(())
    }

    /// The column that names the user, in tables that have rows for each user.
    fn owner<'c>(
        &self,
        table: &str,
        columns: &'c [String],
    ) -> Result<Option<&'c str>, StoredError> {
        let require = |column: &'static str| match columns.iter().any(|one| one == column) {
            true => Ok(()),
            false => Err(StoredError::NoColumn { table: table.to_owned(), column }),
        };
        let names = columns.iter().map(String::as_str);
        let lacking = |column| StoredError::NoColumn { table: table.to_owned(), column };
        if table == self.tables.users {
            require("id")?;
            require("username")?;
        } else if table == self.tables.groups {
            return owner_column(names, "group_id").ok_or(lacking("user_id")).map(Some);
        } else if table == self.tables.permissions {
            return owner_column(names, "permission_id").ok_or(lacking("user_id")).map(Some);
        } else if table == PROFILES {
            require(PROFILE_OWNER)?;
            return Ok(columns.iter().map(String::as_str).find(|one| *one == PROFILE_OWNER));
        }
        Ok(None)
    }

    fn is_needed(&self, table: &str, owner: Option<&str>, row: &StoredRow) -> bool {
        if table == self.tables.users {
            return row.value("username").is_some_and(|name| self.wanted.contains(name));
        }
        match (owner, &self.users) {
            (Some(owner), Some(users)) => row.value(owner).is_some_and(|id| users.contains(id)),
            _ => true,
        }
    }

    fn rows(&self, table: &str) -> &[StoredRow] {
        self.rows.get(table).map(Vec::as_slice).unwrap_or_default()
    }

    fn accounts(&self) -> Result<Vec<StoredAccount>, StoredError> {
        let groups = self.names_of_groups();
        let permissions = self.meanings_of_permissions();
        let mut accounts = Vec::new();
        for row in self.rows(&self.tables.users) {
            let (Some(id), Some(username)) = (row.value("id"), row.value("username")) else {
                continue;
            };
            let linked = |table: &str, other_end: &str| self.linked(table, other_end, id);
            accounts.push(StoredAccount {
                username: username.to_owned(),
                row: row.clone(),
                groups: sorted(linked(&self.tables.groups, "group_id"), &groups),
                permissions: sorted(
                    linked(&self.tables.permissions, "permission_id"),
                    &permissions,
                ),
                profile: self
                    .rows(PROFILES)
                    .iter()
                    .find(|profile| profile.value(PROFILE_OWNER) == Some(id))
                    .cloned(),
            });
        }
        accounts.sort_by(|a, b| a.username.cmp(&b.username));
        Ok(accounts)
    }

    /// The ids that a table of links has for this user.
    fn linked(&self, table: &str, other_end: &str, id: &str) -> Vec<&str> {
        let rows = self.rows(table).iter();
        rows.filter(|row| {
            let owner = owner_column(row.columns(), other_end);
            owner.and_then(|owner| row.value(owner)) == Some(id)
        })
        .filter_map(|row| row.value(other_end))
        .collect()
    }

    fn names_of_groups(&self) -> BTreeMap<&str, String> {
        let rows = self.rows(GROUPS).iter();
        rows.filter_map(|row| Some((row.value("id")?, row.value("name")?.to_owned()))).collect()
    }

    fn meanings_of_permissions(&self) -> BTreeMap<&str, Permission> {
        let types: BTreeMap<&str, (&str, &str)> = self
            .rows(CONTENT_TYPES)
            .iter()
            .filter_map(|row| {
                Some((row.value("id")?, (row.value("app_label")?, row.value("model")?)))
            })
            .collect();
        let meaning = |row: &StoredRow| {
            let (app_label, model) = types.get(row.value("content_type_id")?)?;
            Some(Permission {
                app_label: (*app_label).to_owned(),
                model: (*model).to_owned(),
                codename: row.value("codename")?.to_owned(),
            })
        };
        self.rows(PERMISSIONS)
            .iter()
            .filter_map(|row| Some((row.value("id")?, meaning(row)?)))
            .collect()
    }
}

fn sorted<T: Clone + Ord>(ids: Vec<&str>, by_id: &BTreeMap<&str, T>) -> Vec<T> {
    let mut found: Vec<T> = ids.into_iter().filter_map(|id| by_id.get(id).cloned()).collect();
    found.sort();
    found
}

pub(super) fn read_row(
    line: &[u8],
    table: &str,
    columns: &[String],
) -> Result<StoredRow, StoredError> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
    if fields.len() != columns.len() {
        let (found, expected) = (fields.len(), columns.len());
        return Err(StoredError::FieldCount { table: table.to_owned(), found, expected });
    }
    let mut row = Vec::with_capacity(columns.len());
    for (column, field) in columns.iter().zip(fields) {
        let value = match field {
            NULL => None,
            field => {
                let text = String::from_utf8(unescape(field).into_owned()).map_err(|_| {
                    StoredError::NotUtf8 { table: table.to_owned(), column: column.clone() }
                })?;
                Some(Secret::hidden(text))
            }
        };
        row.push((column.clone(), value));
    }
    Ok(StoredRow(row))
}

impl From<StoredError> for CommandError {
    fn from(error: StoredError) -> Self {
        match error {
            StoredError::Archive(error) => error.into(),
            StoredError::NoTable { .. } => CommandError::wrap(FailureKind::Configuration, error)
                .hint("set local.users_table in bcops.toml to the table of Django's users"),
            StoredError::InsertStyle { .. } => CommandError::wrap(FailureKind::Refused, error),
            StoredError::Framing(_)
            | StoredError::NoColumn { .. }
            | StoredError::FieldCount { .. }
            | StoredError::NotUtf8 { .. } => CommandError::wrap(FailureKind::Unexpected, error),
        }
    }
}
