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

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    kind: Kind,
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
        Column { title, kind: Kind::Text }
    }

    pub const fn word(title: &'static str) -> Column {
        Column { title, kind: Kind::Word }
    }

    pub const fn number(title: &'static str) -> Column {
        Column { title, kind: Kind::Number }
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

    /// The lines for a terminal of this width. `None`: a line for each row, however long.
    pub fn lines(&self, width: Option<u16>) -> Vec<String> {
        let mut grid = Grid::new();
        grid.load_preset(presets::NOTHING);
        grid.set_header(self.columns.iter().map(|column| column.title));
        match width {
            Some(width) => {
                grid.set_content_arrangement(ContentArrangement::Dynamic).set_width(width)
            }
            None => grid.set_content_arrangement(ContentArrangement::Disabled),
        };
        for row in &self.rows {
            grid.add_row(row);
        }
        let last = self.columns.len().saturating_sub(1);
        for (at, (column, grid)) in self.columns.iter().zip(grid.column_iter_mut()).enumerate() {
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

    /// The table as messages on stderr show it, for example above a question.
    pub fn for_messages(&self) -> String {
        self.lines(Stream::Messages.width()).join("\n")
    }
}

/// As results on stdout show it.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines(Stream::Results.width()).join("\n"))
    }
}
