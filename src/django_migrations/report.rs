//! Holds the findings of the check.

use std::fmt;

/// The result for a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many migrations were read.
    pub migrations: usize,
    /// Apps with several leaves, by label.
    pub conflicts: Vec<Conflict>,
    /// Readable migrations that Django could not load.
    pub broken: Vec<Broken>,
    /// Files that cannot be read.
    pub unreadable: Vec<Unreadable>,
}

/// An app with several last migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub app: String,
    pub leaves: Vec<Leaf>,
}

/// One last migration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leaf {
    pub name: String,
    pub path: String,
    /// The branches that brought it. Empty if it came with the base.
    pub brought_by: Vec<String>,
}

/// A graph that Django refuses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broken {
    pub path: String,
    pub reason: String,
    pub brought_by: Vec<String>,
}

/// A file that cannot be read, so its app cannot be checked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unreadable {
    pub path: String,
    pub reason: String,
}

impl Report {
    /// Whether the check has shown that the migrations fit together.
    pub fn is_sound(&self) -> bool {
        self.conflicts.is_empty() && self.broken.is_empty() && self.unreadable.is_empty()
    }

    pub(super) fn unreadable(&mut self, path: &str, reason: impl Into<String>) {
        self.unreadable.push(Unreadable { path: path.to_owned(), reason: reason.into() });
    }

    /// Sorts the findings, independently of the order of the input.
    pub(super) fn finish(&mut self) {
        self.conflicts.sort_by(|left, right| left.app.cmp(&right.app));
        self.broken.sort();
        self.broken.dedup();
        self.unreadable.sort();
        self.unreadable.dedup();
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leaves: Vec<String> = self.leaves.iter().map(ToString::to_string).collect();
        write!(f, "{} has {} last migrations: {}", self.app, leaves.len(), leaves.join(", "))
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.brought_by.as_slice() {
            [] => f.write_str(&self.name),
            branches => write!(f, "{} (from {})", self.name, branches.join(" and ")),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)?;
        match self.brought_by.as_slice() {
            [] => Ok(()),
            branches => write!(f, " (from {})", branches.join(" and ")),
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}
