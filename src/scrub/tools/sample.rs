//! Samples of a table's rows as COPY text, of which only counts are kept.

use std::collections::{BTreeMap, BTreeSet};

use super::super::patterns::{Kind, find_all};
use super::revision_samples::RevisionSamples;
use super::suggest::Samples;
use crate::schema::TableName;

/// How many rows of a table are enough to tell what it holds.
pub const SAMPLE_ROWS: usize = 200;

/// What the first rows of each table hold.
#[derive(Debug, Default)]
pub struct RowSamples {
    tables: BTreeMap<TableName, TableSample>,
    revisions: RevisionSamples,
}

#[derive(Debug, Default)]
struct TableSample {
    rows: u64,
    hits: BTreeMap<String, BTreeMap<Kind, u64>>,
}

impl RowSamples {
    /// Looks at complete rows, as many as are still wanted. `columns` are those of the rows.
    pub fn take(&mut self, table: &TableName, columns: &[String], rows: &[u8]) {
        if RevisionSamples::wants(table) {
            self.revisions.take(table, columns, rows);
        }
        let sample = self.tables.entry(table.clone()).or_default();
        let wanted = SAMPLE_ROWS.saturating_sub(usize::try_from(sample.rows).unwrap_or(usize::MAX));
        for row in rows.split(|byte| *byte == b'\n').filter(|row| !row.is_empty()).take(wanted) {
            sample.rows += 1;
            for (column, field) in columns.iter().zip(row.split(|byte| *byte == b'\t')) {
                let kinds: BTreeSet<Kind> =
                    find_all(field, |_| true).into_iter().map(|hit| hit.kind).collect();
                let hits = sample.hits.entry(column.clone()).or_default();
                for kind in kinds {
                    *hits.entry(kind).or_default() += 1;
                }
            }
        }
    }

    /// Whether enough rows of the table have been seen.
    pub fn is_complete(&self, table: &TableName) -> bool {
        !RevisionSamples::wants(table)
            && self.tables.get(table).is_some_and(|sample| sample.rows >= SAMPLE_ROWS as u64)
    }

    /// Whether every row of the table is wanted.
    pub fn wants_all(table: &TableName) -> bool {
        RevisionSamples::wants(table)
    }
}

impl Samples for RowSamples {
    fn revisions(&self) -> Option<&RevisionSamples> {
        Some(&self.revisions)
    }

    fn rows(&self, table: &TableName) -> u64 {
        self.tables.get(table).map_or(0, |sample| sample.rows)
    }

    fn hits(&self, table: &TableName, column: &str) -> BTreeMap<Kind, u64> {
        self.tables
            .get(table)
            .and_then(|sample| sample.hits.get(column))
            .cloned()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_once_for_each_kind() {
        let table = TableName::public("t");
        let mut samples = RowSamples::default();
        let columns = ["a".to_owned(), "b".to_owned()];
        samples.take(&table, &columns, b"x@example.com y@example.com\t1\nplain\tz@example.com\n");
        assert_eq!(samples.rows(&table), 2);
        assert_eq!(samples.hits(&table, "a"), BTreeMap::from([(Kind::Email, 1)]));
        assert_eq!(samples.hits(&table, "b"), BTreeMap::from([(Kind::Email, 1)]));
        let many = b"x\t1\n".repeat(SAMPLE_ROWS);
        samples.take(&table, &columns, &many);
        assert_eq!(samples.rows(&table), SAMPLE_ROWS as u64);
        assert!(samples.is_complete(&table));
    }
}
