//! Lists how many rows of each table were kept, rewritten or dropped.

use crate::restore::TableReport;
use crate::words;

/// A line for each changed table, and the sums.
pub fn lines(tables: &[TableReport]) -> String {
    let changed = tables.iter().filter(|table| table.changed + table.dropped > 0);
    let mut text: String = changed
        .map(|table| line(&table.table.short(), table.kept, table.changed, table.dropped))
        .collect();
    let sum = |count: fn(&TableReport) -> u64| tables.iter().map(count).sum::<u64>();
    text.push_str(&line(
        "all rows",
        sum(|table| table.kept),
        sum(|table| table.changed),
        sum(|table| table.dropped),
    ));
    text
}

fn line(name: &str, kept: u64, changed: u64, dropped: u64) -> String {
    format!(
        "{name:<44} {:>10} kept {:>10} rewritten {:>10} dropped\n",
        words::count(kept),
        words::count(changed),
        words::count(dropped)
    )
}
