//! Describes the tables that migrations make as the schema of a database.

use super::database::{ColumnState, TableState};
use super::reader::Tables;
use crate::schema::{Column, ForeignKey, Schema, Table, TableName, UniqueKey};

impl Tables {
    /// The same tables, for the checks of a manifest.
    pub fn schema(&self) -> Schema {
        let tables = self.tables.iter();
        let tables = tables.map(|(name, state)| (TableName::public(name), table(state)));
        Schema { tables: tables.collect(), ..Schema::default() }
    }
}

fn table(state: &TableState) -> Table {
    let keys = state.columns.iter().filter(|column| column.shape.unique);
    Table {
        columns: state.columns.iter().map(column).collect(),
        unique_keys: keys.map(unique_key).collect(),
        foreign_keys: state.columns.iter().filter_map(foreign_key).collect(),
        ..Table::default()
    }
}

fn column(state: &ColumnState) -> Column {
    let shape = &state.shape;
    Column {
        name: shape.name.clone(),
        type_name: shape.type_name.clone(),
        not_null: shape.not_null,
        generated: shape.generated,
    }
}

fn unique_key(state: &ColumnState) -> UniqueKey {
    let shape = &state.shape;
    UniqueKey {
        name: format!("{}_key", shape.name),
        columns: vec![shape.name.clone()],
        partial: false,
        primary: shape.primary,
    }
}

fn foreign_key(state: &ColumnState) -> Option<ForeignKey> {
    let shape = &state.shape;
    Some(ForeignKey {
        name: format!("{}_fk", shape.name),
        columns: vec![shape.name.clone()],
        references: TableName::public(shape.references.as_ref()?),
        referenced_columns: vec!["id".to_owned()],
    })
}
