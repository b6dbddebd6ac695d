//! Samples a table's values as COPY text, and keeps only counts.
//!
//! Values count, not rows: a thousand empty values are no evidence. So rows are read until the
//! table's time is used up. A column with too few values then stays unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::super::encoded::{Effort, Form, look_into};
use super::super::patterns::Kind;
use super::super::tally::AllowList;
use super::revision_samples::RevisionSamples;
use super::shapes::Shapes;
use super::suggest::Samples;
use crate::schema::TableName;

/// How many rows of each table are read, however long it takes.
pub const SAMPLE_ROWS: usize = 2_000;

/// How long further rows may take, for one table and for all tables.
const TIME_OF_TABLE: Duration = Duration::from_secs(10);
const TIME_OF_ALL: Duration = Duration::from_secs(90);

/// What the values of one column showed.
#[derive(Debug, Clone, Default)]
pub struct ColumnSample {
    /// The number of values, without NULLs and empty values.
    pub values: u64,
    /// In how many values each kind was found.
    pub hits: BTreeMap<Kind, u64>,
    /// How many values could not be decoded.
    pub unread: u64,
    pub shapes: Shapes,
}

/// The samples of all tables.
#[derive(Debug, Default)]
pub struct RowSamples {
    tables: BTreeMap<TableName, TableSample>,
    revisions: RevisionSamples,
    spent: Duration,
}

#[derive(Debug, Default)]
struct TableSample {
    rows: u64,
    spent: Duration,
    columns: BTreeMap<String, ColumnSample>,
}

impl RowSamples {
    /// Reads complete rows, as many as are still needed. `columns` are those of the rows.
    pub fn take(&mut self, table: &TableName, columns: &[String], rows: &[u8]) {
        if RevisionSamples::wants(table) {
            self.revisions.take(table, columns, rows);
        }
        let started = Instant::now();
        let spent = self.spent;
        let sample = self.tables.entry(table.clone()).or_default();
        let before = sample.spent;
        let mut seen: Vec<ColumnSample> =
            columns.iter().map(|one| sample.columns.remove(one).unwrap_or_default()).collect();
        for row in rows.split(|byte| *byte == b'\n').filter(|row| !row.is_empty()) {
            let took = started.elapsed();
            if sample.rows >= SAMPLE_ROWS as u64 && is_over(before + took, spent + took) {
                break;
            }
            sample.rows += 1;
            for (column, field) in seen.iter_mut().zip(row.split(|byte| *byte == b'\t')) {
                column.take(field);
            }
        }
        sample.columns.extend(columns.iter().cloned().zip(seen));
        sample.spent += started.elapsed();
        self.spent += started.elapsed();
    }

    /// Whether enough rows of the table were read.
    pub fn is_complete(&self, table: &TableName) -> bool {
        !RevisionSamples::wants(table)
            && self.tables.get(table).is_some_and(|sample| {
                sample.rows >= SAMPLE_ROWS as u64 && is_over(sample.spent, self.spent)
            })
    }

    /// Whether every row of the table is needed.
    pub fn wants_all(table: &TableName) -> bool {
        RevisionSamples::wants(table)
    }
}

fn is_over(of_table: Duration, of_all: Duration) -> bool {
    of_table >= TIME_OF_TABLE || of_all >= TIME_OF_ALL
}

impl ColumnSample {
    fn take(&mut self, field: &[u8]) {
        if field.is_empty() || field == b"\\N" || field.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        self.values += 1;
        self.shapes.take(field);
        let allow = AllowList::default();
        let seen = look_into(field, Form::Any, Effort::Everything, &allow);
        let mut tally = allow.plain_tally(field);
        tally.add(seen.tally);
        self.unread += u64::from(seen.incomplete);
        let kinds: BTreeSet<Kind> = tally
            .by_kind()
            .filter(|(_, [unknown, allowed])| unknown + allowed > 0)
            .map(|(kind, _)| kind)
            .collect();
        for kind in kinds {
            *self.hits.entry(kind).or_default() += 1;
        }
    }
}

impl Samples for RowSamples {
    fn revisions(&self) -> Option<&RevisionSamples> {
        Some(&self.revisions)
    }

    fn column(&self, table: &TableName, column: &str) -> ColumnSample {
        let sample = self.tables.get(table).and_then(|sample| sample.columns.get(column));
        sample.cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_count_once_for_each_kind_and_empty_values_do_not_count() {
        let table = TableName::public("t");
        let mut samples = RowSamples::default();
        let columns = ["a".to_owned(), "b".to_owned()];
        samples.take(&table, &columns, b"x@example.com y@example.com\t1\nplain\tz@example.com\n");
        assert_eq!(samples.column(&table, "a").values, 2);
        assert_eq!(samples.column(&table, "a").hits, BTreeMap::from([(Kind::Email, 1)]));
        assert_eq!(samples.column(&table, "b").hits, BTreeMap::from([(Kind::Email, 1)]));
        let many = b"\t\\N\n".repeat(SAMPLE_ROWS);
        samples.take(&table, &columns, &many);
        samples.take(&table, &columns, b"w@example.com\t \n");
        assert_eq!(samples.column(&table, "a").hits, BTreeMap::from([(Kind::Email, 2)]));
        assert_eq!(samples.column(&table, "a").values, 3);
        assert_eq!(samples.column(&table, "b").values, 2);
        assert_eq!(samples.column(&table, "c").values, 0);
    }
}
