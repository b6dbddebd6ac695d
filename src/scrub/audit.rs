//! Counting what looks like personal data in rows that are about to be written.
//!
//! Only counts are kept and given out: a report about leaked values must not leak them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::patterns::{Kind, Match, find_emails, find_numbers};
use super::plan::{ScrubPlan, TablePlan};
use super::rewriter::ScrubError;
use super::rules::Class;
use crate::schema::TableName;

/// How many values of one kind a column holds, and what that means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCount {
    pub table: TableName,
    pub column: String,
    pub kind: Kind,
    pub count: u64,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// Published content.
    Content,
    /// The manifest expects such values: here, or everywhere.
    Allowed,
    /// Personal data where there should be none.
    Finding,
}

/// By kind: values that nobody has allowed, and values that match the manifest's allow list.
type Tally = [[u64; 2]; Kind::ALL.len()];

/// The audit of one table's rows as COPY text.
#[derive(Debug)]
pub struct TableAudit {
    table: TableName,
    columns: Vec<AuditedColumn>,
    allow: BTreeMap<Kind, Vec<String>>,
}

#[derive(Debug)]
struct AuditedColumn {
    name: String,
    /// `None` for a type that holds no text.
    verdict: Option<Verdict>,
    tally: Tally,
}

impl TableAudit {
    /// `columns` are those of the COPY data, in its order.
    pub fn new(
        plan: &ScrubPlan,
        table: &TableName,
        columns: &[String],
    ) -> Result<Self, ScrubError> {
        let table_plan =
            plan.table(table).ok_or_else(|| ScrubError::UnknownTable { table: table.clone() })?;
        let columns = columns.iter().map(|name| audited_column(table_plan, name)).collect();
        Ok(TableAudit { table: table.clone(), columns, allow: plan.allow.clone() })
    }

    /// Takes complete rows into account.
    pub fn scan(&mut self, rows: &[u8]) {
        let mut place = FieldCursor::default();
        find_emails(rows, |hit| self.count(rows, &mut place, &hit));
        let mut place = FieldCursor::default();
        find_numbers(rows, |hit| self.count(rows, &mut place, &hit));
        for (finder, earlier) in
            ENCODED.iter().enumerate().map(|(index, one)| (one, &ENCODED[..index]))
        {
            self.scan_encoded(rows, finder, earlier);
        }
    }

    /// Whether anything was found so far that must not be there.
    pub fn found_personal_data(&self) -> bool {
        self.columns.iter().any(|column| {
            column.verdict == Some(Verdict::Finding)
                && column.tally.iter().any(|[unknown, _]| *unknown > 0)
        })
    }

    /// What was found, columns and kinds without any left out.
    pub fn finish(self) -> Vec<AuditCount> {
        let mut counts = Vec::new();
        for column in self.columns {
            let Some(verdict) = column.verdict else { continue };
            for (kind, [unknown, allowed]) in Kind::ALL.into_iter().zip(column.tally) {
                let allowed_verdict = verdict.min(Verdict::Allowed);
                for (count, verdict) in [(unknown, verdict), (allowed, allowed_verdict)] {
                    if count > 0 {
                        let (table, column) = (self.table.clone(), column.name.clone());
                        counts.push(AuditCount { table, column, kind, count, verdict });
                    }
                }
            }
        }
        counts
    }

    fn count(&mut self, rows: &[u8], place: &mut FieldCursor, hit: &Match) {
        let field = place.field_at(rows, hit.range.start);
        let allowed = is_allowed(&self.allow, rows, hit);
        if let Some(column) = self.columns.get_mut(field) {
            add(&mut column.tally, hit.kind, allowed, 1);
        }
    }

    /// Looks again at the fields in which characters are written as escapes, and counts what only
    /// shows when those are taken away. Fields with an `earlier` escape have been looked at.
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
            if column.verdict.is_none() {
                continue;
            }
            let text = rows.get(start..end).unwrap_or_default();
            if earlier.iter().any(|finder| finder.find(text).is_some()) {
                continue;
            }
            let plain = tally(&self.allow, text);
            let decoded = tally(&self.allow, &decode(text));
            for (kind, (decoded, plain)) in
                Kind::ALL.into_iter().zip(decoded.into_iter().zip(plain))
            {
                for (allowed, (decoded, plain)) in
                    [false, true].into_iter().zip(decoded.into_iter().zip(plain))
                {
                    add(&mut column.tally, kind, allowed, decoded.saturating_sub(plain));
                }
            }
        }
    }
}

fn audited_column(table_plan: &TablePlan, name: &str) -> AuditedColumn {
    let planned = table_plan.columns.iter().find(|column| column.name == name);
    let expected = table_plan.rule.as_ref().is_some_and(|rule| rule.audit_allow.contains(name));
    let verdict = match planned {
        // A column that the plan does not know is looked at like the worst.
        None => Some(Verdict::Finding),
        Some(column) if !column.can_hold_text => None,
        Some(_) if expected => Some(Verdict::Allowed),
        Some(column) if column.class == Some(Class::Content) => Some(Verdict::Content),
        Some(_) => Some(Verdict::Finding),
    };
    AuditedColumn { name: name.into(), verdict, tally: Tally::default() }
}

/// What begins a character that is written as an escape: in JSON, and in the address of a page.
static ENCODED: LazyLock<[Finder<'static>; 3]> =
    LazyLock::new(|| [Finder::new(r"\u00"), Finder::new("%40"), Finder::new("%20")]);

fn tally(allow: &BTreeMap<Kind, Vec<String>>, text: &[u8]) -> Tally {
    let mut result = Tally::default();
    let mut count = |hit: Match| add(&mut result, hit.kind, is_allowed(allow, text, &hit), 1);
    find_emails(text, &mut count);
    find_numbers(text, &mut count);
    result
}

fn add(tally: &mut Tally, kind: Kind, allowed: bool, count: u64) {
    if let Some(counts) = tally.get_mut(kind as usize)
        && let Some(entry) = counts.get_mut(usize::from(allowed))
    {
        *entry += count;
    }
}

fn is_allowed(allow: &BTreeMap<Kind, Vec<String>>, text: &[u8], hit: &Match) -> bool {
    let value = text.get(hit.range.clone()).unwrap_or_default();
    allow.get(&hit.kind).is_some_and(|patterns| {
        patterns.iter().any(|pattern| matches_pattern(pattern.as_bytes(), value))
    })
}

/// Whether the value fits the pattern, in which `*` stands for any text, regardless of case.
fn matches_pattern(pattern: &[u8], value: &[u8]) -> bool {
    let mut parts = pattern.split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some((head, mut rest)) = value.split_at_checked(first.len()) else { return false };
    if !head.eq_ignore_ascii_case(first) {
        return false;
    }
    let parts: Vec<&[u8]> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle.iter().filter(|part| !part.is_empty()) {
        let found = rest.windows(part.len()).position(|window| window.eq_ignore_ascii_case(part));
        let Some(position) = found else { return false };
        rest = rest.get(position + part.len()..).unwrap_or_default();
    }
    rest.len() >= last.len()
        && rest.get(rest.len() - last.len()..).is_some_and(|tail| tail.eq_ignore_ascii_case(last))
}

/// The text with `\u00NN` (however often its backslash is doubled) and `%NN` resolved, as far as
/// they stand for ASCII or the no-break blank.
fn decode(text: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut position = 0;
    while let Some(rest) = text.get(position..).filter(|rest| !rest.is_empty()) {
        let (code, length) = match rest {
            [b'\\', b'u', b'0', b'0', high, low, ..] => (hex_pair(*high, *low), 6),
            [b'%', high, low, ..] => (hex_pair(*high, *low), 3),
            _ => (None, 1),
        };
        match code {
            Some(code @ (0x20..=0x7E | 0xA0)) => {
                if length == 6 {
                    while result.last() == Some(&b'\\') {
                        result.pop();
                    }
                }
                match code {
                    0xA0 => result.extend_from_slice(&[0xC2, 0xA0]),
                    ascii => result.push(ascii),
                }
                position += length;
            }
            _ => {
                let plain = memchr::memchr2(b'\\', b'%', rest.get(1..).unwrap_or_default());
                let length = plain.map_or(rest.len(), |offset| offset + 1);
                result.extend_from_slice(rest.get(..length).unwrap_or_default());
                position += length;
            }
        }
    }
    result
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

/// Tells the number of the field at ascending positions.
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
