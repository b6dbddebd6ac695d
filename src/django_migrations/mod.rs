//! Reads Django's migrations without Python and without a database: whether those of a merged tree fit
//! together ([`check`]), and the tables in which they end ([`read`]).
//!
//! Two branches that each add a migration to the same app merge without a conflict in git, and then
//! `migrate` fails on the server. In Django, a migration without a dependent in its own app is a
//! leaf, and an app with several leaves is in conflict. A file that cannot be read is reported and
//! fails the check.
//!
//! The module does not use git: it takes paths, texts, and the branches that brought them.

mod apply;
mod apps;
mod branches;
mod column_types;
mod database;
mod expression;
mod field;
mod functions;
mod graph;
mod links;
mod literal;
mod models;
mod module;
mod names;
mod operation;
mod order;
mod read_operations;
mod reader;
mod report;
mod schema;
mod site_settings;
mod sql;
mod table_names;
mod tokens;
mod well_known;

use std::collections::{BTreeMap, BTreeSet};

pub use database::{ColumnState, Source, TableState};
pub use models::Shape;
pub use reader::{Tables, Unread, read};
pub use report::{Broken, Conflict, Leaf, Report, Unreadable};

/// A file of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path from the top of the repository, with slashes.
    pub path: String,
    /// The bytes, or why they cannot be read.
    pub text: Result<Vec<u8>, String>,
}

/// The branches that brought each path. A path without an entry came with the base.
pub type Origins = BTreeMap<String, BTreeSet<String>>;

/// The size limit for a file. Migrations are far shorter.
pub const LONGEST_FILE: usize = 4 << 20;

/// Whether the check needs this file.
pub fn is_wanted(path: &str) -> bool {
    apps::is_config(path) || apps::migration_place(path).is_some()
}

/// Whether [`read`] needs this file.
pub fn is_wanted_for_tables(path: &str) -> bool {
    is_wanted(path) || site_settings::is_settings(path)
}

/// Checks the files of one tree. The order of the files does not matter.
pub fn check(files: &[SourceFile], origins: &Origins) -> Report {
    let mut report = Report::default();
    let apps = apps::find(files, &mut report);
    let mut nodes = BTreeMap::new();
    for app in &apps {
        for file in &app.files {
            match module::read(file) {
                Ok(migration) => {
                    let key = graph::Key::new(&app.label, &migration.name);
                    nodes.insert(key, graph::Node { path: file.path.clone(), migration });
                }
                Err(reason) => report.unreadable(&file.path, reason),
            }
        }
    }
    report.migrations = nodes.len();
    let labels = apps.iter().map(|app| app.label.as_str()).collect();
    graph::check(&nodes, &labels, origins, &mut report);
    report.finish();
    report
}

#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod tests;
