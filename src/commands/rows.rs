//! Prints how many rows a pull kept, rewrote and dropped, as a table.

use crate::restore::TableReport;
use crate::ui::table::{Column, Table};
use crate::words;

const COLUMNS: [Column; 4] = [
    Column::text("TABLE"),
    Column::number("KEPT"),
    Column::number("REWRITTEN"),
    Column::number("DROPPED"),
];

/// The tables that a rule changed, and the sums of all tables.
pub fn lines(tables: &[TableReport]) -> String {
    let mut text = Table::new(COLUMNS);
    let mut row = |name: &str, numbers: [u64; 3]| {
        let [kept, changed, dropped] = numbers.map(words::count);
        text.row([name, &kept, &changed, &dropped]);
    };
    for table in tables.iter().filter(|table| table.changed + table.dropped > 0) {
        row(&table.table.short(), [table.kept, table.changed, table.dropped]);
    }
    let sum = |count: fn(&TableReport) -> u64| tables.iter().map(count).sum::<u64>();
    row("all rows", [sum(|one| one.kept), sum(|one| one.changed), sum(|one| one.dropped)]);
    format!("{text}\n")
}
