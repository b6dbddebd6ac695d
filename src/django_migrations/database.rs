//! Holds the tables that migrations have made at one moment.

use std::collections::BTreeMap;

use super::models::Shape;
use super::sql::{Change, NewColumn};

/// Where a table or a column comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    pub path: String,
    pub row: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableState {
    pub columns: Vec<ColumnState>,
    pub source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnState {
    pub shape: Shape,
    pub source: Source,
}

impl TableState {
    pub fn column(&self, name: &str) -> Option<&ColumnState> {
        self.columns.iter().find(|column| column.shape.name == name)
    }

    fn column_mut(&mut self, name: &str) -> Option<&mut ColumnState> {
        self.columns.iter_mut().find(|column| column.shape.name == name)
    }
}

/// The tables by their names. A change of a table or column that is missing is an error.
#[derive(Debug, Clone, Default)]
pub struct Database {
    tables: BTreeMap<String, TableState>,
}

/// The result of a change. The error completes "cannot read: ".
pub type Changed = Result<(), String>;

impl Database {
    pub fn into_tables(self) -> BTreeMap<String, TableState> {
        self.tables
    }

    pub fn table_mut(&mut self, table: &str) -> Result<&mut TableState, String> {
        self.tables
            .get_mut(table)
            .ok_or_else(|| format!("no migration before creates the table {table}"))
    }

    pub fn create(&mut self, table: &str, columns: Vec<Shape>, source: &Source) {
        let mut state = TableState { columns: Vec::new(), source: source.clone() };
        for shape in columns {
            state.add(shape, source);
        }
        self.tables.insert(table.to_owned(), state);
    }

    pub fn drop(&mut self, table: &str) {
        self.tables.remove(table);
    }

    pub fn rename(&mut self, table: &str, new: &str) -> Changed {
        if table == new {
            return Ok(());
        }
        self.table_mut(table)?;
        if let Some(state) = self.tables.remove(table) {
            self.tables.insert(new.to_owned(), state);
        }
        for state in self.tables.values_mut() {
            for column in &mut state.columns {
                if column.shape.references.as_deref() == Some(table) {
                    column.shape.references = Some(new.to_owned());
                }
            }
        }
        Ok(())
    }

    pub fn add(&mut self, table: &str, shape: Shape, source: &Source) -> Changed {
        self.table_mut(table)?.add(shape, source);
        Ok(())
    }

    pub fn remove(&mut self, table: &str, column: &str) -> Changed {
        self.table_mut(table)?.columns.retain(|own| own.shape.name != column);
        Ok(())
    }

    /// Gives a column a new name and form.
    pub fn alter(&mut self, table: &str, column: &str, shape: Shape, source: &Source) -> Changed {
        let state = self.table_mut(table)?;
        let own = state.column_mut(column).ok_or_else(|| missing(table, column))?;
        // A new name or type is what a person has to look at.
        let is_new = own.shape.name != shape.name || own.shape.type_name != shape.type_name;
        own.shape = shape;
        if is_new {
            own.source = source.clone();
        }
        Ok(())
    }

    /// Applies what SQL changes.
    pub fn apply(&mut self, change: &Change, source: &Source) -> Changed {
        match change {
            Change::CreateTable { table, columns } => {
                // `IF NOT EXISTS`
                if !self.tables.contains_key(table) {
                    self.create(table, columns.iter().map(shape).collect(), source);
                }
                Ok(())
            }
            Change::DropTable { table } => {
                self.drop(table);
                Ok(())
            }
            Change::RenameTable { table, new } => self.rename(table, new),
            Change::AddColumn { table, column } => self.add(table, shape(column), source),
            Change::DropColumn { table, column } => self.remove(table, column),
            Change::RenameColumn { table, column, new } => {
                self.change(table, column, source, |shape| shape.name.clone_from(new))
            }
            Change::AlterType { table, column, type_name } => {
                self.change(table, column, source, |shape| shape.type_name.clone_from(type_name))
            }
            Change::SetNotNull { table, column, not_null } => {
                self.change(table, column, source, |shape| shape.not_null = *not_null)
            }
        }
    }

    fn change(
        &mut self,
        table: &str,
        column: &str,
        source: &Source,
        change: impl FnOnce(&mut Shape),
    ) -> Changed {
        let own = self.table_mut(table)?.column(column).ok_or_else(|| missing(table, column))?;
        let mut shape = own.shape.clone();
        change(&mut shape);
        self.alter(table, column, shape, source)
    }
}

impl TableState {
    /// Adds a column. A column that is there already stays: `ADD COLUMN IF NOT EXISTS`.
    fn add(&mut self, shape: Shape, source: &Source) {
        if self.column(&shape.name).is_none() {
            self.columns.push(ColumnState { shape, source: source.clone() });
        }
    }
}

fn missing(table: &str, column: &str) -> String {
    format!("no migration before creates the column {table}.{column}")
}

fn shape(column: &NewColumn) -> Shape {
    Shape {
        name: column.name.clone(),
        type_name: column.type_name.clone(),
        not_null: column.not_null,
        generated: false,
        primary: column.primary,
        unique: column.primary,
        references: None,
    }
}
