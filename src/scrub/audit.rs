//! Counts what looks like personal data in rows that are about to be written.
//!
//! Keeps and reports counts alone: a report about leaked values must not leak them.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use schemars::JsonSchema;
use serde::Serialize;

use super::encoded::{Effort, Form, Reach, look_into, resolve};
use super::ninos;
use super::patterns::{Kind, Match, Strength, find_emails, find_numbers};
use super::plan::{ScrubPlan, TablePlan};
use super::published::{PublishedNumbers, RowPlace};
use super::rewriter::ScrubError;
use super::rules::Class;
use super::tally::{AllowList, Tally};
use crate::schema::TableName;

/// How many values of one kind a column holds, and what follows from that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AuditCount {
    pub table: TableName,
    pub column: String,
    /// The archive entry whose definition holds the value, if it is not in a column.
    pub definition: Option<String>,
    pub kind: Kind,
    pub strength: Strength,
    pub count: u64,
    #[serde(skip)]
    pub verdict: Verdict,
    /// The first rows that hold such a value, where they are known.
    pub rows: Vec<RowPlace>,
}

impl AuditCount {
    /// The place, for people.
    pub fn place(&self) -> String {
        match &self.definition {
            Some(entry) => format!("the definition of {entry}"),
            None => format!("{}.{}", self.table.short(), self.column),
        }
    }

    /// Possibly personal data, in a place where that is no reason to stop.
    pub fn is_a_doubt(&self) -> bool {
        self.strength == Strength::Weak && self.verdict == Verdict::Content
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// A National Insurance number in published content, replaced before it was written.
    Replaced,
    /// Published content.
    Content,
    /// The manifest expects such values in this column, or everywhere.
    Allowed,
    /// Personal data where there should be none.
    Finding,
}

/// Values of a column that could not be decoded. What they hold is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnreadValues {
    pub table: TableName,
    pub column: String,
    pub count: u64,
    #[serde(skip)]
    pub verdict: Verdict,
}

/// The audit of one table's rows as COPY text.
#[derive(Debug)]
pub struct TableAudit {
    table: TableName,
    columns: Vec<AuditedColumn>,
    allow: AllowList,
    numbers: PublishedNumbers,
}

#[derive(Debug)]
struct AuditedColumn {
    name: String,
    /// `None` for a type that holds no text.
    verdict: Option<Verdict>,
    form: Form,
    effort: Effort,
    /// Whether its values are decoded to find everything they may hide.
    thorough: bool,
    tally: Tally,
    unread: u64,
}

impl TableAudit {
    /// `columns` are those of the COPY data, in its order. Base64, compressed data, pickles,
    /// sessions and search vectors are decoded wherever personal data would be a finding. In
    /// published content, which is most of the data, only escapes are decoded.
    pub fn new(
        plan: &ScrubPlan,
        table: &TableName,
        column_names: &[String],
    ) -> Result<Self, ScrubError> {
        let table_plan =
            plan.audited(table).ok_or_else(|| ScrubError::UnknownTable { table: table.clone() })?;
        let columns = column_names.iter().map(|name| audited_column(table_plan, name)).collect();
        let allow = AllowList::new(plan.allow.clone());
        let numbers = PublishedNumbers::new(plan, table, table_plan, column_names);
        Ok(TableAudit { table: table.clone(), columns, allow, numbers })
    }

    /// Makes [`Self::pass`] replace National Insurance numbers in published content.
    pub fn replacing(mut self) -> Self {
        self.numbers.replace();
        self
    }

    /// An audit that decodes published content as well.
    pub fn thorough(
        plan: &ScrubPlan,
        table: &TableName,
        columns: &[String],
    ) -> Result<Self, ScrubError> {
        let mut audit = Self::new(plan, table, columns)?;
        for column in &mut audit.columns {
            column.thorough = column.verdict.is_some();
        }
        Ok(audit)
    }

    /// Audits complete rows and returns them as they may be written.
    pub fn pass(&mut self, mut rows: Vec<u8>) -> Vec<u8> {
        self.scan(&rows);
        for range in self.numbers.take_ranges() {
            if let Some(number) = rows.get_mut(range) {
                ninos::write_example(number);
            }
        }
        rows
    }

    /// Audits complete rows.
    pub fn scan(&mut self, rows: &[u8]) {
        let mut place = FieldCursor::default();
        find_emails(rows, |hit| self.count(rows, &mut place, &hit));
        let mut place = FieldCursor::default();
        find_numbers(rows, |hit| self.count(rows, &mut place, &hit));
        if self.columns.iter().any(|column| column.thorough) {
            self.look_into_fields(rows);
        }
        if self.columns.iter().all(|column| column.thorough || column.verdict.is_none()) {
            return;
        }
        for (finder, earlier) in ENCODED
            .iter()
            .enumerate()
            .map(|(index, one)| (one, ENCODED.get(..index).unwrap_or_default()))
        {
            self.scan_encoded(rows, finder, earlier);
        }
    }

    pub(super) fn table(&self) -> &TableName {
        &self.table
    }

    /// Whether a finding was counted so far.
    pub fn found_personal_data(&self) -> bool {
        let mut columns = self.columns.iter();
        self.numbers.have_findings()
            || columns.any(|one| match one.verdict {
                Some(Verdict::Finding) => one.tally.has_unknown(),
                Some(Verdict::Content) => one.tally.holds_a_valid_nino(),
                _ => false,
            })
    }

    /// The first column so far with a value that had to be decoded and could not be.
    pub(super) fn doubtful_column(&self) -> Option<&str> {
        let doubtful =
            |one: &&AuditedColumn| one.verdict == Some(Verdict::Finding) && one.unread > 0;
        self.columns.iter().find(doubtful).map(|one| one.name.as_str())
    }

    /// The columns with values that could not be decoded. If the verdict is a finding, such a
    /// column fails the audit like personal data does.
    pub fn unread(&self) -> Vec<UnreadValues> {
        let columns = self.columns.iter().filter(|column| column.unread > 0);
        let unread = |column: &AuditedColumn| {
            let (table, name, count) = (self.table.clone(), column.name.clone(), column.unread);
            Some(UnreadValues { table, column: name, count, verdict: column.verdict? })
        };
        columns.filter_map(unread).collect()
    }

    /// All counts: every column and every kind.
    pub fn finish(self) -> Vec<AuditCount> {
        let mut counts = Vec::new();
        for (field, column) in self.columns.into_iter().enumerate() {
            let Some(verdict) = column.verdict else { continue };
            let count = |kind, strength, count, verdict, rows| AuditCount {
                table: self.table.clone(),
                column: column.name.clone(),
                definition: None,
                kind,
                strength,
                count,
                verdict,
                rows,
            };
            for (kind, strength, [unknown, allowed]) in column.tally.by_strength() {
                // A number that is encoded in published content cannot be replaced where it is.
                let is_valid_nino = kind == Kind::Nino && strength == Strength::Strong;
                let unknown_verdict = match verdict {
                    Verdict::Content if is_valid_nino => Verdict::Finding,
                    verdict => verdict,
                };
                let allowed_verdict = verdict.min(Verdict::Allowed);
                for (number, verdict) in [(unknown, unknown_verdict), (allowed, allowed_verdict)] {
                    if number > 0 {
                        counts.push(count(kind, strength, number, verdict, Vec::new()));
                    }
                }
            }
            for (number, verdict, rows) in self.numbers.of_column(field) {
                counts.push(count(Kind::Nino, Strength::Strong, number, verdict, rows));
            }
        }
        counts
    }

    fn count(&mut self, rows: &[u8], place: &mut FieldCursor, hit: &Match) {
        let field = place.field_at(rows, hit.range.start);
        let allowed = self.allow.allows(rows, hit);
        if let Some(column) = self.columns.get_mut(field) {
            let published = column.verdict == Some(Verdict::Content) && !allowed;
            if published && hit.kind == Kind::Nino && hit.strength == Strength::Strong {
                return self.numbers.add(rows, field, hit.range.clone());
            }
            column.tally.count(hit.kind, hit.strength, allowed);
        }
    }

    /// Counts what the fields of the rows hide.
    fn look_into_fields(&mut self, rows: &[u8]) {
        let mut row = self.columns.iter_mut();
        let mut start = 0;
        let borders = memchr::memchr2_iter(b'\t', b'\n', rows).chain([rows.len()]);
        for end in borders {
            if let Some(column) = row.next().filter(|column| column.thorough) {
                let field = rows.get(start..end).unwrap_or_default();
                let seen = look_into(field, column.form, column.effort, &self.allow);
                column.tally.add(seen.tally);
                column.unread += u64::from(seen.incomplete);
            }
            if rows.get(end) == Some(&b'\n') {
                row = self.columns.iter_mut();
            }
            start = end + 1;
        }
    }

    /// Looks again at fields with escaped characters, and counts what shows only without the
    /// escapes. Fields with an `earlier` escape were looked at before.
    fn scan_encoded(&mut self, rows: &[u8], finder: &Finder<'_>, earlier: &[Finder<'_>]) {
        let mut place = FieldCursor::default();
        let mut done_to = 0;
        while let Some(offset) = finder.find(rows.get(done_to..).unwrap_or_default()) {
            let position = done_to + offset;
            let before = rows.get(..position).unwrap_or_default();
            let start = memchr::memrchr2(b'\t', b'\n', before).map_or(0, |border| border + 1);
            let after = rows.get(position..).unwrap_or_default();
            let end = position + memchr::memchr2(b'\t', b'\n', after).unwrap_or(after.len());
            done_to = end;
            let field = place.field_at(rows, position);
            let Some(column) = self.columns.get_mut(field) else { continue };
            if column.verdict.is_none() || column.thorough {
                continue;
            }
            let text = rows.get(start..end).unwrap_or_default();
            if earlier.iter().any(|finder| finder.find(text).is_some()) {
                continue;
            }
            if let Some(resolved) = resolve(text, Reach::Ascii) {
                column.tally.add(self.allow.tally(&resolved).beyond(self.allow.tally(text)));
            }
        }
    }
}

fn audited_column(table_plan: &TablePlan, name: &str) -> AuditedColumn {
    let planned = table_plan.columns.iter().find(|column| column.name == name);
    let expected = table_plan.rule.as_ref().is_some_and(|rule| rule.audit_allow.contains(name));
    let verdict = match planned {
        // A column that the plan does not know is treated as personal.
        None => Some(Verdict::Finding),
        Some(column) if !column.can_hold_text => None,
        Some(_) if expected => Some(Verdict::Allowed),
        Some(column) if column.class == Some(Class::Content) => Some(Verdict::Content),
        Some(_) => Some(Verdict::Finding),
    };
    let form = planned.map_or(Form::Any, |column| column.form);
    let thorough = matches!(verdict, Some(Verdict::Allowed | Verdict::Finding));
    let effort = match verdict {
        Some(Verdict::Finding) => Effort::Everything,
        _ => Effort::Usual,
    };
    AuditedColumn {
        name: name.into(),
        verdict,
        form,
        effort,
        thorough,
        tally: Tally::default(),
        unread: 0,
    }
}

/// What begins an escaped character: in JSON, in the address of a page, in HTML.
static ENCODED: LazyLock<[Finder<'static>; 6]> = LazyLock::new(|| {
    [r"\u00", "%40", "%20", "%25", "&#", "&commat;"].map(|escape| Finder::new(escape.as_bytes()))
});

/// Finds the number of the field at ascending positions.
#[derive(Debug, Default)]
struct FieldCursor {
    position: usize,
    field: usize,
}

impl FieldCursor {
    fn field_at(&mut self, rows: &[u8], position: usize) -> usize {
        let passed = rows.get(self.position..position).unwrap_or_default();
        let row = match memchr::memrchr(b'\n', passed) {
            Some(line_feed) => {
                self.field = 0;
                passed.get(line_feed + 1..).unwrap_or_default()
            }
            None => passed,
        };
        self.field += memchr::memchr_iter(b'\t', row).count();
        self.position = position;
        self.field
    }
}
