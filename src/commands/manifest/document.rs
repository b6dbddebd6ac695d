//! Describes what `manifest check` found, as a document and as text.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::django_migrations::{Source, Tables, Unread};
use crate::schema::TableName;
use crate::scrub::Class;
use crate::scrub::tools::UnclassedTable;
use crate::words;

/// The result of `manifest check`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Classed {
    /// Always `check`.
    tool: &'static str,
    /// The folder of the checkout.
    subject: String,
    /// Whether every table and column has a class and everything was read.
    valid: bool,
    /// The apps with migrations. Apps of packages are not among them.
    apps: Vec<String>,
    migrations: usize,
    tables: usize,
    unclassified: Vec<Unclassified>,
    /// What may change tables and cannot be read.
    unread: Vec<UnreadPlace>,
    /// The same in files of `--reviewed`.
    reviewed: Vec<UnreadPlace>,
    /// The lines to add, in TOML.
    manifest: String,
}

/// A table of which something lacks a class.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Unclassified {
    pub table: TableName,
    /// Whether the table itself has no entry in the manifest.
    pub is_new: bool,
    /// The migration that creates the table.
    path: String,
    line: usize,
    columns: Vec<UnclassifiedColumn>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct UnclassifiedColumn {
    column: String,
    /// As Postgres writes it. Empty if it is not known.
    r#type: String,
    /// A guess by name and type.
    guess: Class,
    reason: String,
    /// The migration that adds the column or changes its type.
    path: String,
    line: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct UnreadPlace {
    pub path: String,
    /// `null` if it is about the whole file.
    line: Option<usize>,
    reason: String,
}

impl Classed {
    /// `unread` is divided: what a person has read, and what no one has.
    pub fn new(
        subject: String,
        tables: &Tables,
        unclassified: &[UnclassedTable],
        (reviewed, unread): (Vec<Unread>, Vec<Unread>),
        manifest: String,
    ) -> Classed {
        let places = |list: Vec<Unread>| list.into_iter().map(UnreadPlace::of).collect::<Vec<_>>();
        Classed {
            tool: "check",
            subject,
            valid: unclassified.is_empty() && unread.is_empty(),
            apps: tables.apps.clone(),
            migrations: tables.migrations,
            tables: tables.tables.len(),
            unclassified: unclassified.iter().map(|one| Unclassified::of(one, tables)).collect(),
            unread: places(unread),
            reviewed: places(reviewed),
            manifest,
        }
    }

    pub fn is_valid(&self) -> bool {
        self.valid
    }

    pub fn unclassified(&self) -> &[Unclassified] {
        &self.unclassified
    }

    pub fn unread(&self) -> &[UnreadPlace] {
        &self.unread
    }

    fn verdict(&self) -> String {
        let checked = format!(
            "{} of {}",
            words::plural(self.tables as u64, "table"),
            words::plural(self.apps.len() as u64, "app")
        );
        if self.valid {
            return format!("the manifest has a class for everything in the {checked}");
        }
        let mut parts = Vec::new();
        if !self.unclassified.is_empty() {
            let count = words::plural(self.unclassified.len() as u64, "table");
            parts.push(format!("the manifest lacks classes for {count}"));
        }
        if !self.unread.is_empty() {
            let count = words::plural(self.unread.len() as u64, "place");
            parts.push(format!("bcops cannot read {count}"));
        }
        format!("{} (checked {checked})", parts.join("; "))
    }
}

impl Unclassified {
    fn of(found: &UnclassedTable, tables: &Tables) -> Unclassified {
        let state = tables.tables.get(&found.table.name);
        let columns = found.columns.iter().map(|column| {
            let own = state.and_then(|state| state.column(&column.name));
            let (path, line) = place(own.map(|own| &own.source));
            UnclassifiedColumn {
                column: column.name.clone(),
                r#type: column.type_name.clone(),
                guess: column.guess,
                reason: column.reason.clone(),
                path,
                line,
            }
        });
        let (path, line) = place(state.map(|state| &state.source));
        let columns = columns.collect();
        Unclassified { table: found.table.clone(), is_new: found.is_new, path, line, columns }
    }
}

fn place(source: Option<&Source>) -> (String, usize) {
    source.map(|source| (source.path.clone(), source.row)).unwrap_or_default()
}

impl UnreadPlace {
    fn of(unread: Unread) -> UnreadPlace {
        UnreadPlace { path: unread.path, line: unread.row, reason: unread.reason }
    }
}

impl fmt::Display for Unclassified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.table.short();
        if self.is_new {
            let columns = words::plural(self.columns.len() as u64, "column");
            let Unclassified { path, line, .. } = self;
            return write!(f, "{path}:{line}: the table {table} ({columns}) has no class");
        }
        for (place, column) in self.columns.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            let UnclassifiedColumn { column, r#type, path, line, .. } = column;
            let type_name = if r#type.is_empty() { "type not known" } else { r#type.as_str() };
            write!(f, "{path}:{line}: the column {table}.{column} ({type_name}) has no class")?;
        }
        Ok(())
    }
}

impl fmt::Display for UnreadPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": cannot be read: {}", self.reason)
    }
}

impl fmt::Display for Classed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in &self.unclassified {
            writeln!(f, "{table}")?;
        }
        for place in &self.unread {
            writeln!(f, "{place}")?;
        }
        if !self.unread.is_empty() {
            f.write_str(
                "\nIf what cannot be read changes no table, or its tables have a class already:\n",
            )?;
            let mut files: Vec<&str> = self.unread.iter().map(|one| one.path.as_str()).collect();
            files.dedup();
            for file in files {
                writeln!(f, "  --reviewed {}", words::shell_word(file))?;
            }
        }
        if !self.manifest.is_empty() {
            write!(
                f,
                "\n# Add these entries to the manifest. The classes are guesses: check each.\n{}\n",
                self.manifest
            )?;
        }
        f.write_str(&self.verdict())
    }
}
