//! Adds foreign keys and checks to tables that inherit them, because pg_dump writes them with the
//! parent only.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::ArchiveError;
use super::super::sql::Reason;
use super::Room;
use crate::schema::{Check, ForeignKey, Schema, Table, TableName};

/// More levels of partitions than any real database has. A cycle in a damaged archive ends here.
const MAXIMUM_PARTITION_LEVELS: usize = 64;

/// The parents in `INHERITS`, for each table that has them.
pub(super) type Parents = BTreeMap<TableName, Vec<TableName>>;

/// Adds the foreign keys of parents to partitions. pg_dump writes them with the parents only.
pub(super) fn inherit_foreign_keys(
    schema: &mut Schema,
    room: &mut Room,
) -> Result<(), ArchiveError> {
    let mut inherited: Vec<(TableName, Vec<ForeignKey>)> = Vec::new();
    for (name, table) in &schema.tables {
        let keys =
            foreign_keys_of_parents(schema, table, room).map_err(|reason| of(name, reason))?;
        inherited.push((name.clone(), keys));
    }
    for (name, keys) in inherited {
        if let Some(table) = schema.tables.get_mut(&name) {
            table.foreign_keys.extend(keys);
        }
    }
    Ok(())
}

fn of(name: &TableName, reason: Reason) -> ArchiveError {
    ArchiveError::Definition { entry: format!("TABLE {name}"), reason }
}

/// The foreign keys of the parents that the table does not have itself.
fn foreign_keys_of_parents(
    schema: &Schema,
    table: &Table,
    room: &mut Room,
) -> Result<Vec<ForeignKey>, Reason> {
    let mut keys: Vec<ForeignKey> = Vec::new();
    let mut parent = table.partition_of.as_ref();
    for _ in 0..MAXIMUM_PARTITION_LEVELS {
        let Some(ancestor) = parent.and_then(|name| schema.tables.get(name)) else { break };
        for key in &ancestor.foreign_keys {
            let mut known = table.foreign_keys.iter().chain(&keys);
            if !known.any(|own| own.columns == key.columns && own.references == key.references) {
                room.take(1)?;
                keys.push(key.clone());
            }
        }
        parent = ancestor.partition_of.as_ref();
    }
    Ok(keys)
}

/// Adds the checks of parents to tables. pg_dump writes them with the parents only, except for
/// partitions. Afterwards all checks are sorted by name.
pub(super) fn inherit_checks(
    schema: &mut Schema,
    parents: &Parents,
    room: &mut Room,
) -> Result<(), ArchiveError> {
    let mut inherited: Vec<(TableName, Vec<Check>)> = Vec::new();
    for name in schema.tables.keys() {
        let checks =
            checks_of_parents(schema, parents, name, room).map_err(|reason| of(name, reason))?;
        inherited.push((name.clone(), checks));
    }
    for (name, checks) in inherited {
        if let Some(table) = schema.tables.get_mut(&name) {
            table.checks.extend(checks);
            table.checks.sort_by(|one, other| one.name.cmp(&other.name));
        }
    }
    Ok(())
}

/// The checks of the parents that the table does not have itself, compared by name.
fn checks_of_parents(
    schema: &Schema,
    parents: &Parents,
    name: &TableName,
    room: &mut Room,
) -> Result<Vec<Check>, Reason> {
    let Some(table) = schema.tables.get(name) else { return Ok(Vec::new()) };
    let mut known: BTreeSet<&str> = table.checks.iter().map(|check| check.name.as_str()).collect();
    let mut seen: BTreeSet<&TableName> = BTreeSet::from([name]);
    let mut level = vec![name];
    let mut checks = Vec::new();
    while !level.is_empty() {
        let mut above = Vec::new();
        for name in level {
            let inherits = parents.get(name).into_iter().flatten();
            let partition_of =
                schema.tables.get(name).and_then(|table| table.partition_of.as_ref());
            for parent in inherits.chain(partition_of) {
                let Some(table) = schema.tables.get(parent) else { continue };
                if !seen.insert(parent) {
                    continue;
                }
                room.take(1)?;
                above.push(parent);
                for check in table.checks.iter().filter(|check| !check.no_inherit) {
                    if known.insert(&check.name) {
                        room.take(1)?;
                        checks.push(check.clone());
                    }
                }
            }
        }
        level = above;
    }
    Ok(checks)
}
