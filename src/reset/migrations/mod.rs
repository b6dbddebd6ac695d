//! Whether the migrations of a merged tree go together, without Python and without a database.
//!
//! Two branches that each add a migration to the same app merge without a conflict in git, and
//! then `migrate` refuses on the server. Django's rule: a migration without a dependent in its
//! own app is a leaf, and an app with several leaves is in conflict. What cannot be read is
//! named, and counts as not shown to be right.
//!
//! The module knows nothing of git: [`check`] takes paths and texts, and who brought them.

mod apps;
mod graph;
mod literal;
mod module;
mod report;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

pub use report::{Broken, Conflict, Leaf, Report, Unreadable};

/// A file of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// From the top of the repository, with slashes.
    pub path: String,
    /// The bytes, or why there are none.
    pub text: Result<Vec<u8>, String>,
}

/// Which branches brought a path; one that is not there came with the base.
pub type Origins = BTreeMap<String, BTreeSet<String>>;

/// No migration is anywhere near as long; what is longer need not be read.
pub const LONGEST_FILE: usize = 4 << 20;

/// Whether the check needs this file. Everything else can be left out.
pub fn is_wanted(path: &str) -> bool {
    apps::is_config(path) || apps::migration_place(path).is_some()
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
mod tests;
