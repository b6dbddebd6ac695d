//! Handles National Insurance numbers in published content.
//!
//! A page with such a number publishes a person's number. On the way to a developer's machine the
//! number is replaced. Everywhere else it is a finding, unless the manifest allows this number in
//! this row.

use std::ops::Range;

use aws_lc_rs::digest::{SHA256, digest};

use schemars::JsonSchema;
use serde::Serialize;

use super::audit::Verdict;
use super::copy_text::{NULL, unescape};
use super::document::PublishedSection;
use super::ninos;
use super::plan::{ScrubPlan, TablePlan};
use super::rules::parse_table_name;
use crate::schema::TableName;

/// How many rows of a column are listed.
const NAMED_ROWS: usize = 20;

/// A number that is allowed in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedNumber {
    table: TableName,
    /// The row's primary key, or the id of its page.
    key: String,
    /// The digest of the number's letters and digits, in capitals.
    sha256: [u8; 32],
}

impl AllowedNumber {
    pub(super) fn new(section: PublishedSection) -> Result<AllowedNumber, String> {
        let digest = from_hex(section.sha256.trim()).ok_or_else(|| {
            format!("sha256 must be 64 hexadecimal digits, not {:?}", section.sha256)
        })?;
        Ok(AllowedNumber {
            table: parse_table_name(&section.table),
            key: section.key,
            sha256: digest,
        })
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| {
        let digits = std::str::from_utf8(pair).ok().filter(|_| pair[0] != b'+')?;
        u8::from_str_radix(digits, 16).ok()
    };
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes.filter(|_| rest.is_empty())?.try_into().ok()
}

/// A row of published content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(into = "RowDocument")]
pub struct RowPlace {
    /// The row's primary key.
    pub key: String,
    /// The page itself, or the page that the row belongs to.
    pub page: Option<String>,
}

/// The same in JSON.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RowPlace")]
struct RowDocument {
    /// The row's primary key.
    key: String,
    /// The page itself, or the page that the row belongs to.
    page: Option<String>,
    /// The path of the page's editor, after the address of the site.
    edit: Option<String>,
}

impl From<RowPlace> for RowDocument {
    fn from(row: RowPlace) -> Self {
        RowDocument { edit: row.edit_address(), key: row.key, page: row.page }
    }
}

impl RowPlace {
    /// The path of the page's editor, after the address of the site.
    pub fn edit_address(&self) -> Option<String> {
        self.page.as_ref().map(|page| format!("/admin/pages/{page}/edit/"))
    }
}

/// The numbers of one table.
#[derive(Debug)]
pub(super) struct PublishedNumbers {
    replaces: bool,
    allowed: Vec<AllowedNumber>,
    /// The fields of the primary key.
    key: Vec<usize>,
    page: Option<usize>,
    /// Whether only rows of pages have a page: a revision can belong to another model.
    only_of_pages: bool,
    /// Where the numbers to replace are.
    ranges: Vec<Range<usize>>,
    /// By field.
    seen: Vec<Seen>,
}

#[derive(Debug, Clone, Default)]
struct Seen {
    /// Replaced numbers, or findings.
    count: u64,
    allowed: u64,
    rows: Vec<RowPlace>,
}

impl PublishedNumbers {
    pub(super) fn new(
        plan: &ScrubPlan,
        table: &TableName,
        table_plan: &TablePlan,
        columns: &[String],
    ) -> PublishedNumbers {
        let field = |name: &String| columns.iter().position(|column| column == name);
        let is_revision = table.name == "wagtailcore_revision";
        PublishedNumbers {
            replaces: false,
            allowed: plan.published.iter().filter(|one| one.table == *table).cloned().collect(),
            key: table_plan.key.iter().filter_map(field).collect(),
            page: page_column(table, columns.iter().map(String::as_str))
                .and_then(|name| columns.iter().position(|column| column == name)),
            only_of_pages: is_revision,
            ranges: Vec::new(),
            seen: vec![Seen::default(); columns.len()],
        }
    }

    pub(super) fn replace(&mut self) {
        self.replaces = true;
    }

    /// Counts a number in a column of published content.
    pub(super) fn add(&mut self, rows: &[u8], field: usize, range: Range<usize>) {
        let row = row_around(rows, range.start);
        let place = self.place(row);
        let number: Vec<u8> = ninos::characters(rows.get(range.clone()).unwrap_or_default())
            .map(|byte| byte.to_ascii_uppercase())
            .collect();
        let allowed = self.is_allowed(&number, &place);
        let Some(seen) = self.seen.get_mut(field) else { return };
        if allowed {
            seen.allowed += 1;
            return;
        }
        seen.count += 1;
        if seen.rows.len() < NAMED_ROWS && !seen.rows.contains(&place) {
            seen.rows.push(place);
        }
        if self.replaces {
            self.ranges.push(range);
        }
    }

    fn is_allowed(&self, number: &[u8], place: &RowPlace) -> bool {
        let candidates = self
            .allowed
            .iter()
            .filter(|one| one.key == place.key || Some(&one.key) == place.page.as_ref());
        let mut candidates = candidates.peekable();
        candidates.peek().is_some() && {
            let digest = digest(&SHA256, number);
            candidates.any(|one| one.sha256[..] == *digest.as_ref())
        }
    }

    fn place(&self, row: &[u8]) -> RowPlace {
        let fields: Vec<&[u8]> = row.split(|byte| *byte == b'\t').collect();
        let text = |field: &usize| {
            let value = fields.get(*field).copied().unwrap_or_default();
            String::from_utf8_lossy(&unescape(value)).into_owned()
        };
        let key: Vec<String> = self.key.iter().map(text).collect();
        let is_of_page =
            !self.only_of_pages || memchr::memmem::find(row, b"\"url_path\"").is_some();
        let page = self
            .page
            .filter(|field| is_of_page && fields.get(*field).is_some_and(|value| *value != NULL));
        RowPlace { key: key.join(","), page: page.as_ref().map(text) }
    }

    /// Where the numbers to replace are in the last rows.
    pub(super) fn take_ranges(&mut self) -> Vec<Range<usize>> {
        std::mem::take(&mut self.ranges)
    }

    pub(super) fn have_findings(&self) -> bool {
        !self.replaces && self.seen.iter().any(|seen| seen.count > 0)
    }

    /// The counts of a column, their verdicts, and the first rows.
    pub(super) fn of_column(
        &self,
        field: usize,
    ) -> impl Iterator<Item = (u64, Verdict, Vec<RowPlace>)> {
        let seen = self.seen.get(field).cloned().unwrap_or_default();
        let verdict = if self.replaces { Verdict::Replaced } else { Verdict::Finding };
        [(seen.count, verdict, seen.rows), (seen.allowed, Verdict::Allowed, Vec::new())]
            .into_iter()
            .filter(|(count, _, _)| *count > 0)
    }
}

/// The column that names the page of a row.
fn page_column<'a>(
    table: &TableName,
    columns: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let fits: fn(&str) -> bool = match table.name.as_str() {
        "wagtailcore_page" => |name| name == "id",
        "wagtailcore_revision" => |name| name == "object_id",
        _ => |name| name.ends_with("page_ptr_id") || name == "page_id",
    };
    columns.filter(|name| fits(name)).min_by_key(|name| !name.ends_with("_ptr_id"))
}

/// The columns that identify a row, for an audit that chooses its columns.
pub(super) fn identifying_columns(table: &TableName, plan: &TablePlan) -> Vec<String> {
    let mut columns = plan.key.clone();
    let names = plan.columns.iter().map(|column| column.name.as_str());
    if let Some(page) = page_column(table, names)
        && !columns.iter().any(|column| column == page)
    {
        columns.push(page.to_owned());
    }
    columns
}

fn row_around(rows: &[u8], position: usize) -> &[u8] {
    let before = rows.get(..position).unwrap_or_default();
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let after = rows.get(position..).unwrap_or_default();
    let end = position + memchr::memchr(b'\n', after).unwrap_or(after.len());
    rows.get(start..end).unwrap_or_default()
}
