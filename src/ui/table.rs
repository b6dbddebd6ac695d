//! Prints tables: one header row, and columns that fit the terminal.
//!
//! Without a terminal nothing is wrapped: each row is one line, so that `grep` finds it whole.

use std::fmt;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table as Grid, presets};
use jiff::Timestamp;

use super::terminal::Stream;
use crate::plain_text::on_one_line;
use crate::words;

/// The blanks between two columns.
const GAP: u16 = 2;
/// A column of text can be read from this width on.
const READABLE: usize = 12;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    kind: Kind,
    /// The lowest rank is the first to go on a narrow terminal. `None` stays.
    rank: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Wrapped where the terminal is narrow.
    Text,
    /// Never wrapped: short names, and words such as `pass`.
    Word,
    /// Never wrapped, and aligned to the right.
    Number,
}

impl Column {
    pub const fn text(title: &'static str) -> Column {
        Column { title, kind: Kind::Text, rank: None }
    }

    pub const fn word(title: &'static str) -> Column {
        Column { title, kind: Kind::Word, rank: None }
    }

    pub const fn number(title: &'static str) -> Column {
        Column { title, kind: Kind::Number, rank: None }
    }

    /// Not shown where the terminal is too narrow for all columns, the lowest rank first.
    pub const fn minor(self, rank: u8) -> Column {
        Column { rank: Some(rank), ..self }
    }
}

/// `5 h ago`: as exact as a column needs it.
pub fn ago(at: Timestamp) -> String {
    let seconds = Timestamp::now().duration_since(at).as_secs().max(0).unsigned_abs();
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} ago", words::plural(seconds / 86_400, "day")),
    }
}

/// A table on its way to the screen.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(columns: impl Into<Vec<Column>>) -> Table {
        Table { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row. A cell is one line: breaks in it become blanks.
    pub fn row<C: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(|cell| on_one_line(cell.as_ref())).collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The columns that are shown. A column without a word in it takes no room.
    fn shown(&self, width: Option<u16>) -> Vec<usize> {
        let has_words = |at: &usize| self.length(*at) > 0;
        let mut shown: Vec<usize> = (0..self.columns.len()).filter(has_words).collect();
        let Some(width) = width.map(usize::from) else { return shown };
        while self.needed(&shown) > width {
            let rank = |at: &usize| self.columns.get(*at).and_then(|column| column.rank);
            let minor = shown.iter().filter(|at| rank(at).is_some()).min_by_key(|at| rank(at));
            let Some(minor) = minor.copied() else { break };
            shown.retain(|at| *at != minor);
        }
        shown
    }

    /// The longest cell of a column.
    fn length(&self, at: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| console::measure_text_width(cell)).max().unwrap_or_default()
    }

    /// The width below which a column is hard to read.
    fn needed(&self, shown: &[usize]) -> usize {
        let columns = shown.iter().filter_map(|at| Some((*at, self.columns.get(*at)?)));
        let widths = columns.map(|(at, column)| match column.kind {
            Kind::Text => self.length(at).max(column.title.len()).min(READABLE),
            Kind::Word | Kind::Number => self.length(at).max(column.title.len()),
        });
        widths.sum::<usize>() + shown.len().saturating_sub(1) * usize::from(GAP)
    }

    /// The lines for a terminal of this width. `None`: a line for each row, however long.
    pub fn lines(&self, width: Option<u16>) -> Vec<String> {
        let shown = self.shown(width);
        let columns: Vec<&Column> = shown.iter().filter_map(|at| self.columns.get(*at)).collect();
        let mut grid = Grid::new();
        grid.load_preset(presets::NOTHING);
        // Names and values need no header.
        if columns.iter().any(|column| !column.title.is_empty()) {
            grid.set_header(columns.iter().map(|column| column.title));
        }
        match width {
            Some(width) => {
                grid.set_content_arrangement(ContentArrangement::Dynamic).set_width(width)
            }
            None => grid.set_content_arrangement(ContentArrangement::Disabled),
        };
        for row in &self.rows {
            grid.add_row(shown.iter().filter_map(|at| row.get(*at)));
        }
        let last = columns.len().saturating_sub(1);
        for (at, (column, grid)) in columns.into_iter().zip(grid.column_iter_mut()).enumerate() {
            grid.set_padding((0, if at == last { 0 } else { GAP }));
            if column.kind == Kind::Number {
                grid.set_cell_alignment(CellAlignment::Right);
            }
            if column.kind != Kind::Text {
                grid.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        grid.lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

/// As results on stdout show it.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines(Stream::Results.width()).join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let columns = [
            Column::word("RESULT"),
            Column::text("CHECK"),
            Column::number("ROWS"),
            Column::text("NOTE"),
        ];
        let mut table = Table::new(columns);
        table.row([
            "pass",
            "production front-end cache",
            "1,000",
            "the zone of the council's site",
        ]);
        table.row(["fail", "git", "2", "no answer\nwithin 10 s"]);
        table
    }

    #[test]
    fn a_table_fits_every_terminal_and_words_stay_whole() {
        for width in 50..=200 {
            let lines = table().lines(Some(width));
            let widest = lines.iter().map(|line| line.chars().count()).max();
            assert!(widest <= Some(width.into()), "{width}: {lines:#?}");
            assert!(lines.iter().any(|line| line.starts_with("pass    ")), "{lines:#?}");
            assert!(lines.iter().any(|line| line.contains("1,000")), "{lines:#?}");
        }
    }

    #[test]
    fn a_table_without_titles_has_no_header() {
        let mut table = Table::new([Column::word(""), Column::text("")]);
        table.row(["by", "Op Erator"]);
        assert_eq!(table.lines(None), ["by  Op Erator"]);
    }

    #[test]
    fn without_a_terminal_each_row_is_a_line() {
        let expected = [
            "RESULT  CHECK                        ROWS  NOTE",
            "pass    production front-end cache  1,000  the zone of the council's site",
            "fail    git                             2  no answer within 10 s",
        ];
        assert_eq!(table().lines(None), expected);
    }

    #[test]
    fn a_narrow_terminal_shows_the_main_columns() {
        let columns = [
            Column::word("RUN"),
            Column::text("COMMAND").minor(1),
            Column::text("BY").minor(2),
            Column::text("NOTE"),
        ];
        let mut table = Table::new(columns);
        table.row(["r20260101-000000-0000", "reset-staging", "Op Erator", "at load: no room left"]);
        let header = |width| table.lines(Some(width)).swap_remove(0);
        assert_eq!(header(120).split_whitespace().count(), 4);
        assert_eq!(header(50).split_whitespace().collect::<Vec<_>>(), ["RUN", "BY", "NOTE"]);
        assert_eq!(header(40).split_whitespace().collect::<Vec<_>>(), ["RUN", "NOTE"]);
        assert_eq!(table.lines(None).len(), 2);
    }

    #[test]
    fn a_column_without_words_is_not_shown() {
        let mut table = Table::new(["INDEX", "NOTE"].map(Column::text));
        table.row(["pages", ""]);
        assert_eq!(table.lines(None), ["INDEX", "pages"]);
    }
}
