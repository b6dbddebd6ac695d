//! Tests the manifest tools with small schemas and with the real one.

mod explaining;
mod suggesting;
mod validating;

use std::fs::File;
use std::path::PathBuf;

use crate::archive::{ArchiveReader, read_schema};
use crate::schema::{Column, ForeignKey, Schema, Table, TableName, UniqueKey};
use crate::scrub::Manifest;

/// The schema of the site, or of another archive among the fixtures.
fn schema_of(archive: &str) -> Option<Schema> {
    let Some(fixtures) = std::env::var_os("BCOPS_FIXTURES").map(PathBuf::from) else {
        eprintln!("skipped: BCOPS_FIXTURES is not set");
        return None;
    };
    let file = File::open(fixtures.join(archive)).unwrap();
    Some(read_schema(ArchiveReader::open(file).unwrap().toc()).unwrap())
}

/// A column. Its type ends in `!` if it is NOT NULL.
fn column((name, type_name): &(&str, &str)) -> Column {
    Column {
        name: (*name).into(),
        type_name: type_name.trim_end_matches('!').into(),
        not_null: type_name.ends_with('!'),
        generated: false,
    }
}

/// A table with the primary key `id` and the given columns.
fn table(columns: &[(&str, &str)]) -> Table {
    let mut all = vec![column(&("id", "integer!"))];
    all.extend(columns.iter().map(column));
    let key =
        UniqueKey { name: "pk".into(), columns: vec!["id".into()], partial: false, primary: true };
    Table { columns: all, unique_keys: vec![key], ..Table::default() }
}

fn pointing_to(mut table: Table, column: &str, parent: &str) -> Table {
    table.foreign_keys.push(ForeignKey {
        name: format!("fk_{column}"),
        columns: vec![column.into()],
        references: TableName::public(parent),
        referenced_columns: vec!["id".into()],
    });
    table
}

fn schema(tables: Vec<(&str, Table)>) -> Schema {
    let tables = tables.into_iter().map(|(name, table)| (TableName::public(name), table));
    Schema { tables: tables.collect(), has_large_objects: false, ..Schema::default() }
}

#[track_caller]
fn manifest(text: &str) -> Manifest {
    let text = format!("schema_version = 1\npolicies = [\"local\", \"staging\"]\n{text}");
    Manifest::parse("own.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
