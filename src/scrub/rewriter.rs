//! Applies a table's rule to its rows as COPY text, while they pass.
//!
//! Unchanged rows, and the fields around a changed one, are copied as slices. Runs of unchanged
//! rows are copied as one slice.

use std::borrow::Cow;
use std::ops::{AddAssign, Range};

use super::compiled_rule::{
    Change, CompiledKeep, Compiler, FieldAction, FieldTest, Needing, Remembered, TemplatePart,
};
use super::copy_text::{NULL, escape_into, unescape};
use super::dropped::{DroppedCounts, DroppedMember};
use super::edit::{self, ColumnEdit};
use super::keys::KeySets;
use super::plan::{ScrubPlan, TableAction};
use super::revisions::ContentType;
use super::unclassified::NeedyRows;
use crate::schema::TableName;

/// What happened to rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    pub read: u64,
    /// Rows that were written, including changed rows.
    pub kept: u64,
    pub changed: u64,
    pub dropped: u64,
}

impl AddAssign for RowCounts {
    fn add_assign(&mut self, other: RowCounts) {
        self.read += other.read;
        self.kept += other.kept;
        self.changed += other.changed;
        self.dropped += other.dropped;
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ScrubError {
    #[error("cannot scrub {table}: the table is not in the scrub plan of this archive")]
    UnknownTable { table: TableName },
    #[error(
        "cannot scrub {table}: its rows lack the column {column}, which a rule needs; \
         dump the table with all columns"
    )]
    MissingColumn { table: TableName, column: String },
    #[error("the dump is damaged: row {row} of {table} has {found} columns instead of {expected}")]
    FieldCount { table: TableName, row: u64, found: usize, expected: usize },
    #[error("the dump is cut off or damaged: row {row} of {table} does not end in a line feed")]
    UnfinishedRow { table: TableName, row: u64 },
    #[error("the dump is damaged: row {row} of {table} has no valid JSON in {column}")]
    InvalidJson { table: TableName, row: u64, column: String },
    #[error(
        "cannot show that {table}.{column} holds no personal data: a value cannot be decoded, \
         because of its encoding or size"
    )]
    NotLookedInto { table: TableName, column: String },
}

/// Executes one table's rule.
#[derive(Debug)]
pub struct Rewriter {
    table: TableName,
    field_count: usize,
    deletes_all: bool,
    conditions: Vec<(usize, FieldTest)>,
    actions: Vec<FieldAction>,
    remembered: Vec<Remembered>,
    needing: Vec<Needing>,
    /// The fields with the id, the app and the model of a content type.
    content_type_fields: Option<[usize; 3]>,
    content_types: Vec<ContentType>,
    dropped: DroppedCounts,
    /// The number of leading fields whose borders are needed.
    looked_at: usize,
    rows_seen: u64,
    fields: Vec<Range<usize>>,
    scratch: Vec<u8>,
}

impl Rewriter {
    /// `columns` are those of the COPY data, in its order. `keys` must hold what the tables that
    /// this one looks into have remembered. The order of the stream and [`ScrubPlan::held_tables`]
    /// ensure that.
    pub fn new(
        plan: &ScrubPlan,
        table: &TableName,
        columns: &[String],
        keys: &KeySets,
    ) -> Result<Self, ScrubError> {
        let table_plan =
            plan.table(table).ok_or_else(|| ScrubError::UnknownTable { table: table.clone() })?;
        let compiler = Compiler { table, table_plan, columns, keys };
        let conditions = compiler.conditions()?;
        let actions = compiler.actions()?;
        let remembered = compiler.remembered(&actions)?;
        let needing = compiler.needing()?;
        let content_type_fields = compiler.content_type_fields()?;
        let looked_at = conditions
            .iter()
            .map(|(field, _)| *field)
            .chain(actions.iter().flat_map(FieldAction::fields))
            .chain(remembered.iter().map(|remembered| remembered.field))
            .chain(needing.iter().flat_map(|needing| needing.fields.iter().copied()))
            .chain(content_type_fields.into_iter().flatten())
            .map(|field| field + 1)
            .max()
            .unwrap_or(0);
        Ok(Rewriter {
            table: table.clone(),
            field_count: columns.len(),
            deletes_all: table_plan.action == TableAction::Delete,
            conditions,
            actions,
            remembered,
            needing,
            content_type_fields,
            content_types: Vec::new(),
            dropped: DroppedCounts::default(),
            looked_at,
            rows_seen: 0,
            fields: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// Rewrites complete rows, and appends the rows that stay to `out`.
    pub fn rewrite(&mut self, rows: &[u8], out: &mut Vec<u8>) -> Result<RowCounts, ScrubError> {
        let mut counts = RowCounts::default();
        // Everything before this position was written or dropped.
        let mut written_to = 0;
        let mut start = 0;
        while start < rows.len() {
            self.rows_seen += 1;
            let rest = rows.get(start..).unwrap_or_default();
            let length = memchr::memchr(b'\n', rest).ok_or_else(|| ScrubError::UnfinishedRow {
                table: self.table.clone(),
                row: self.rows_seen,
            })?;
            let row = rest.get(..length).unwrap_or_default();
            self.split(row)?;
            counts.read += 1;
            if self.keeps(row) {
                counts.kept += 1;
                self.look_for_needs(row);
                self.note_content_type(row);
                let pending = rows.get(written_to..start).unwrap_or_default();
                if self.change(row, pending, out)? {
                    counts.changed += 1;
                    written_to = start + length;
                }
            } else {
                counts.dropped += 1;
                out.extend_from_slice(rows.get(written_to..start).unwrap_or_default());
                written_to = start + length + 1;
            }
            start += length + 1;
        }
        out.extend_from_slice(rows.get(written_to..).unwrap_or_default());
        Ok(counts)
    }

    fn note_content_type(&mut self, row: &[u8]) {
        let Some([id, app, model]) = self.content_type_fields else { return };
        let text =
            |field| String::from_utf8_lossy(&unescape(self.field(row, field))).to_lowercase();
        let (app, model) = (text(app), text(model));
        let id = unescape(self.field(row, id)).into_owned();
        self.content_types.push(ContentType { id, app, model });
    }

    /// Members that were dropped because nothing names them.
    pub(super) fn take_dropped(&mut self) -> Vec<DroppedMember> {
        std::mem::take(&mut self.dropped).of_table(&self.table)
    }

    /// Whether a row needs another row that is not loaded.
    pub(super) fn found_need(&self) -> bool {
        self.needing.iter().any(|needing| needing.rows > 0)
    }

    /// Those rows, counted by foreign key.
    pub(super) fn needy_rows(&self) -> Vec<NeedyRows> {
        let found = self.needing.iter().filter(|needing| needing.rows > 0);
        found
            .map(|needing| NeedyRows {
                table: self.table.clone(),
                need: needing.need.clone(),
                rows: needing.rows,
            })
            .collect()
    }

    /// Counts a row that needs another one. A foreign key with a NULL column needs nothing.
    fn look_for_needs(&mut self, row: &[u8]) {
        let mut needing = std::mem::take(&mut self.needing);
        for one in &mut needing {
            let is_full = one.fields.iter().all(|field| self.field(row, *field) != NULL);
            one.rows += u64::from(is_full);
        }
        self.needing = needing;
    }

    /// Hands over the keys that other tables need. Call it after the table's last row.
    pub fn finish(self, keys: &mut KeySets) {
        for remembered in self.remembered {
            keys.absorb(remembered.reference, remembered.keys);
        }
        if self.content_type_fields.is_some() {
            keys.absorb_content_types(self.table, self.content_types);
        }
    }

    /// Finds the borders of the needed fields, and counts the other fields.
    fn split(&mut self, row: &[u8]) -> Result<(), ScrubError> {
        self.fields.clear();
        let mut start = 0;
        let mut last = false;
        while self.fields.len() < self.looked_at && !last {
            let rest = row.get(start..).unwrap_or_default();
            let length = memchr::memchr(b'\t', rest);
            last = length.is_none();
            let end = start + length.unwrap_or(rest.len());
            self.fields.push(start..end);
            start = end + 1;
        }
        let found = match (self.looked_at, last) {
            // A table without columns has empty rows.
            (0, _) if row.is_empty() => self.field_count.min(1),
            (0, _) => 1 + memchr::memchr_iter(b'\t', row).count(),
            (_, true) => self.fields.len(),
            (_, false) => {
                let rest = row.get(start..).unwrap_or_default();
                self.fields.len() + 1 + memchr::memchr_iter(b'\t', rest).count()
            }
        };
        if found == self.field_count {
            return Ok(());
        }
        Err(ScrubError::FieldCount {
            table: self.table.clone(),
            row: self.rows_seen,
            found,
            expected: self.field_count,
        })
    }

    fn field<'r>(&self, row: &'r [u8], field: usize) -> &'r [u8] {
        self.fields.get(field).and_then(|range| row.get(range.clone())).unwrap_or_default()
    }

    fn keeps(&self, row: &[u8]) -> bool {
        !self.deletes_all
            && self.conditions.iter().all(|(field, test)| {
                let value = self.field(row, *field);
                let is_null = value == NULL;
                match test {
                    FieldTest::IsNull => is_null,
                    FieldTest::NotNull => !is_null,
                    FieldTest::In(sets) => !is_null && sets.iter().any(|keys| keys.contains(value)),
                    FieldTest::OneOf(values) => {
                        !is_null && {
                            let value = unescape(value);
                            values.iter().any(|one| *one == *value)
                        }
                    }
                }
            })
    }

    /// Writes `pending` and the row without its line feed if a rule changes it. Returns whether a
    /// rule did.
    fn change(
        &mut self,
        row: &[u8],
        pending: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, ScrubError> {
        let mut changed = false;
        let mut written_to = 0;
        let mut results: Vec<Option<Range<usize>>> = Vec::new();
        self.scratch.clear();
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut dropped = std::mem::take(&mut self.dropped);
        for action in &self.actions {
            let value = self.field(row, action.field);
            let start = scratch.len();
            if matches!(action.change, Change::Omit) {
                if !changed {
                    out.extend_from_slice(pending);
                    changed = true;
                }
                let range = self.fields.get(action.field).cloned().unwrap_or_default();
                // The separator before it is dropped too, or the one after it if nothing is left
                // before.
                match range.start.checked_sub(1).filter(|before| *before >= written_to) {
                    Some(before) => {
                        out.extend_from_slice(row.get(written_to..before).unwrap_or_default());
                        written_to = range.end;
                    }
                    None => written_to = range.end + 1,
                }
                results.push(None);
                continue;
            }
            let always = matches!(action.change, Change::Always(_));
            if value != NULL || always {
                self.new_value(action, row, value, &mut scratch, &mut dropped)?;
            }
            let new = scratch.get(start..).unwrap_or_default();
            if (value == NULL && !always) || new == value {
                scratch.truncate(start);
                results.push(None);
                continue;
            }
            if !changed {
                out.extend_from_slice(pending);
                changed = true;
            }
            let range = self.fields.get(action.field).cloned().unwrap_or_default();
            out.extend_from_slice(row.get(written_to..range.start).unwrap_or_default());
            out.extend_from_slice(new);
            written_to = range.end;
            results.push(Some(start..scratch.len()));
        }
        if changed {
            out.extend_from_slice(row.get(written_to..).unwrap_or_default());
        }
        self.remember(row, &scratch, &results);
        self.scratch = scratch;
        self.dropped = dropped;
        Ok(changed)
    }

    /// Remembers the row's values after its changes.
    fn remember(&mut self, row: &[u8], scratch: &[u8], results: &[Option<Range<usize>>]) {
        for remembered in &mut self.remembered {
            let rewritten =
                remembered.action.and_then(|action| results.get(action).cloned().flatten());
            let value = match rewritten {
                Some(range) => scratch.get(range),
                None => self.fields.get(remembered.field).and_then(|range| row.get(range.clone())),
            };
            if let Some(value) = value.filter(|value| *value != NULL) {
                remembered.keys.insert(value);
            }
        }
    }

    fn new_value(
        &self,
        action: &FieldAction,
        row: &[u8],
        value: &[u8],
        out: &mut Vec<u8>,
        dropped: &mut DroppedCounts,
    ) -> Result<(), ScrubError> {
        match &action.change {
            Change::Template(parts) => {
                for part in parts {
                    match part {
                        TemplatePart::Literal(text) => out.extend_from_slice(text),
                        TemplatePart::Field(field) => {
                            out.extend_from_slice(self.field(row, *field))
                        }
                    }
                }
            }
            Change::Replace(by) => {
                let mut text = Vec::new();
                (by.in_row)(&unescape(value), &mut text);
                escape_into(&text, out);
            }
            Change::Always(text) => out.extend_from_slice(text),
            Change::Omit => {}
            Change::Null => out.extend_from_slice(NULL),
            Change::NullUnless(sets) => {
                let kept = sets.iter().any(|keys| keys.contains(value));
                out.extend_from_slice(if kept { value } else { NULL });
            }
            Change::Edit { edit, keep, max_length } => {
                let content_type = match keep {
                    CompiledKeep::OfModel(field, _) => unescape(self.field(row, *field)),
                    _ => Cow::Borrowed(&[][..]),
                };
                let how = ColumnEdit {
                    edit,
                    column: &action.column,
                    keep: keep.of_row(&content_type),
                    max_length: *max_length,
                };
                edit::apply(how, value, out, dropped).map_err(|_| ScrubError::InvalidJson {
                    table: self.table.clone(),
                    row: self.rows_seen,
                    column: action.column.clone(),
                })?;
            }
        }
        Ok(())
    }
}
