//! Lists what a rollback loses, for the confirmation.

use std::fmt::Write;

use jiff::Timestamp;
use serde::Serialize;

use crate::words;

use super::counts::Counts;
use super::database::New;

/// How many lines of a kind are printed. The backup of the present has everything.
const PRINTED: usize = 20;

/// What is new since the run, and is lost with the rollback.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Losses {
    pub since: Option<Timestamp>,
    pub content: Vec<New>,
    pub tables: Vec<TableLoss>,
    /// The backup that is restored.
    pub backup: Option<String>,
    pub releases: Vec<String>,
    pub commits: Vec<String>,
    /// Notes about what could not be compared.
    pub remarks: Vec<String>,
}

/// A table whose number of rows differs from the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableLoss {
    pub table: String,
    pub now: u64,
    /// `None` if the backup does not have the table.
    pub backup: Option<u64>,
}

impl TableLoss {
    pub(super) fn of(now: &Counts, backup: &Counts) -> Vec<TableLoss> {
        let mut tables: Vec<TableLoss> = now
            .iter()
            .map(|(table, rows)| TableLoss {
                table: table.clone(),
                now: *rows,
                backup: backup.get(table).copied(),
            })
            .filter(|one| one.backup != Some(one.now))
            .collect();
        tables.sort_by_key(|one| std::cmp::Reverse(one.lost()));
        tables
    }

    fn lost(&self) -> u64 {
        self.now.saturating_sub(self.backup.unwrap_or(0))
    }
}

impl Losses {
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text.trim_end().to_owned()
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let since = self.since.map_or_else(String::new, |since| format!(" since {since:.0}"));
        let mut is_first = true;
        for kind in ["page", "image", "document", "account"] {
            let of_kind: Vec<&New> = self.content.iter().filter(|one| one.kind == kind).collect();
            if of_kind.is_empty() {
                continue;
            }
            let count = words::plural(of_kind.len() as u64, kind);
            writeln!(text, "{} {count} new or changed{since}", head(&mut is_first))?;
            let line = |one: &New| {
                format!("{} ({}, {})", plain(&one.title), plain(&one.address), one.changed)
            };
            list(text, of_kind.iter().map(|one| line(one)))?;
        }
        self.write_tables(text, &mut is_first)?;
        for (what, lines) in [("release", &self.releases), ("commit", &self.commits)] {
            if !lines.is_empty() {
                let count = words::plural(lines.len() as u64, what);
                writeln!(text, "{} {count}{since}", head(&mut is_first))?;
                list(text, lines.iter().map(|line| plain(line)))?;
            }
        }
        for remark in &self.remarks {
            writeln!(text, "{} {}", head(&mut is_first), plain(remark))?;
        }
        if is_first {
            writeln!(text, "lost  nothing that could be seen{since}")?;
        }
        Ok(())
    }

    /// Writes the tables that have more rows now than in the backup, and the number of the other
    /// tables in one line.
    fn write_tables(&self, text: &mut String, is_first: &mut bool) -> std::fmt::Result {
        let (losing, others): (Vec<&TableLoss>, Vec<&TableLoss>) =
            self.tables.iter().partition(|one| one.lost() > 0);
        let backup = self.backup.as_deref().unwrap_or("the backup");
        if !losing.is_empty() {
            writeln!(text, "{} rows by table: now, and in {backup}", head(is_first))?;
            let lines = losing.iter().map(|one| {
                let backup = one.backup.map_or_else(|| "no table".to_owned(), words::count);
                format!("{:<44} {:>10} {backup:>10}", one.table, words::count(one.now))
            });
            list(text, lines)?;
        }
        if !others.is_empty() {
            let count = words::plural(others.len() as u64, "table");
            writeln!(text, "{} {count} with more rows in {backup} than now", head(is_first))?;
        }
        Ok(())
    }
}

fn head(is_first: &mut bool) -> &'static str {
    if std::mem::take(is_first) { "lost " } else { "     " }
}

fn list(text: &mut String, lines: impl ExactSizeIterator<Item = String>) -> std::fmt::Result {
    let more = lines.len().saturating_sub(PRINTED);
    for line in lines.take(PRINTED) {
        writeln!(text, "        {line}")?;
    }
    if more > 0 {
        writeln!(text, "        and {more} more")?;
    }
    Ok(())
}

/// Removes control characters from a text that an editor typed.
fn plain(text: &str) -> String {
    text.chars().filter(|one| !one.is_control()).collect()
}
