//! Compares the documents of the search indices with the rows of the database.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::words::{count, plural};

/// A number for each index, by the name that the site uses.
pub type Counts = BTreeMap<String, u64>;

/// An index that differs from the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(into = "DifferenceDocument")]
pub enum Difference {
    /// The index does not exist or is closed, and the database has rows for it.
    Missing { index: String, rows: u64 },
    /// The index is empty, and the database has rows for it.
    Empty { index: String, rows: u64 },
    /// Some rows are missing from the index.
    Short { index: String, documents: u64, rows: u64 },
    /// There are more documents than rows, from deleted rows or another database.
    Surplus { index: String, documents: u64, rows: u64 },
}

/// The difference for programs.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Difference")]
struct DifferenceDocument {
    index: String,
    /// `missing`, `empty`, `short` (rows are missing from the index) or `surplus` (more documents
    /// than rows).
    kind: &'static str,
    /// `null` if the index is missing.
    documents: Option<u64>,
    rows: u64,
}

impl From<Difference> for DifferenceDocument {
    fn from(difference: Difference) -> Self {
        let (kind, index, documents, rows) = match difference {
            Difference::Missing { index, rows } => ("missing", index, None, rows),
            Difference::Empty { index, rows } => ("empty", index, Some(0), rows),
            Difference::Short { index, documents, rows } => ("short", index, Some(documents), rows),
            Difference::Surplus { index, documents, rows } => {
                ("surplus", index, Some(documents), rows)
            }
        };
        DifferenceDocument { index, kind, documents, rows }
    }
}

impl Difference {
    pub fn index(&self) -> &str {
        match self {
            Difference::Missing { index, .. }
            | Difference::Empty { index, .. }
            | Difference::Short { index, .. }
            | Difference::Surplus { index, .. } => index,
        }
    }

    /// Whether searches miss some rows. Surplus documents are only a nuisance.
    pub fn lacks_rows(&self) -> bool {
        !matches!(self, Difference::Surplus { .. })
    }

    /// Whether searches find nothing.
    pub fn lacks_all(&self) -> bool {
        matches!(self, Difference::Missing { .. } | Difference::Empty { .. })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Missing { index, rows } => {
                write!(
                    f,
                    "{index} is missing or closed, but the database has \
                    {}",
                    plural(*rows, "row")
                )
            }
            Difference::Empty { index, rows } => {
                write!(f, "{index} is empty, but the database has {}", plural(*rows, "row"))
            }
            Difference::Short { index, documents, rows } => {
                write!(
                    f,
                    "{index} is short: {} for {}",
                    plural(*documents, "document"),
                    plural(*rows, "row")
                )
            }
            Difference::Surplus { index, documents, rows } => {
                let more = count(documents.saturating_sub(*rows));
                write!(
                    f,
                    "{index} holds {more} more than the database: {} for {}",
                    plural(*documents, "document"),
                    plural(*rows, "row")
                )
            }
        }
    }
}

/// Lists where the indices differ from the database. An index without a table is not compared, and
/// an index without rows may be missing.
pub fn compare(in_index: &Counts, in_database: &Counts) -> Vec<Difference> {
    let difference = |(index, &rows): (&String, &u64)| {
        let index = index.clone();
        match in_index.get(&index).copied() {
            None if rows > 0 => Some(Difference::Missing { index, rows }),
            Some(0) if rows > 0 => Some(Difference::Empty { index, rows }),
            Some(documents) if documents < rows => {
                Some(Difference::Short { index, documents, rows })
            }
            Some(documents) if documents > rows => {
                Some(Difference::Surplus { index, documents, rows })
            }
            _ => None,
        }
    };
    in_database.iter().filter_map(difference).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(list: &[(&str, u64)]) -> Counts {
        list.iter().map(|(index, number)| ((*index).to_owned(), *number)).collect()
    }

    #[test]
    fn every_difference_has_its_name() {
        let in_index = counts(&[
            ("empty", 0),
            ("equal", 7),
            ("full", 8),
            ("none", 0),
            ("short", 6),
            ("other", 1),
        ]);
        let in_database = counts(&[
            ("absent", 0),
            ("empty", 3),
            ("equal", 7),
            ("full", 7),
            ("missing", 2),
            ("none", 0),
            ("short", 7),
        ]);
        let found = compare(&in_index, &in_database);
        let document = |one: &Difference| DifferenceDocument::from(one.clone());
        let documents: Vec<DifferenceDocument> = found.iter().map(document).collect();
        let names: Vec<(&str, &str)> =
            documents.iter().map(|one| (one.index.as_str(), one.kind)).collect();
        let expected =
            [("empty", "empty"), ("full", "surplus"), ("missing", "missing"), ("short", "short")];
        assert_eq!(names, expected);
        assert_eq!(found.iter().filter(|one| one.lacks_rows()).count(), 3);
        assert_eq!(found.iter().filter(|one| one.lacks_all()).count(), 2);
        assert_eq!(found[3].to_string(), "short is short: 6 documents for 7 rows");
        assert_eq!(compare(&in_index, &Counts::new()), []);
    }
}
