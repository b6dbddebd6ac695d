//! Describes the operations of a migration.

use super::field::Field;
use super::sql::Change;

/// An operation, and the line of the file on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub row: usize,
    pub operation: Operation,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    CreateModel(NewModel),
    DeleteModel {
        name: String,
    },
    RenameModel {
        old: String,
        new: String,
    },
    AlterModelTable {
        name: String,
        table: Option<String>,
    },
    AlterModelOptions {
        name: String,
        managed: bool,
    },
    AlterOrderWithRespectTo {
        name: String,
        ordered: bool,
    },
    AddField {
        model: String,
        name: String,
        field: Field,
    },
    RemoveField {
        model: String,
        name: String,
    },
    AlterField {
        model: String,
        name: String,
        field: Field,
    },
    RenameField {
        model: String,
        old: String,
        new: String,
    },
    SeparateDatabaseAndState {
        database: Vec<Step>,
        state: Vec<Step>,
    },
    RunSql {
        changes: Vec<Change>,
        state: Vec<Step>,
    },
    /// Changes no column.
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewModel {
    pub name: String,
    pub fields: Vec<(String, Field)>,
    pub table: Option<String>,
    pub managed: bool,
    pub proxy: bool,
    pub ordered: bool,
    /// The setting that can name another model instead.
    pub swappable: Option<String>,
    /// The parents that are models, as `app.model`.
    pub bases: Vec<String>,
}

/// Something that bcops cannot read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    pub row: usize,
    /// Completes "cannot read: ".
    pub reason: String,
}
