//! Edits inside a value, on text as COPY writes it.
//!
//! Both executions of a rule use it: for rows in flight and for values of a live database.

use super::copy_text::{escape_into, unescape};
use super::dropped::DroppedCounts;
use super::hidden;
use super::json_edit::{Members, edit_members};
use super::keep_tree::KeepTree;
use super::patterns::find_all;
use super::revisions::ModelFilter;
use super::rules::Edit;

/// The value is not the JSON that its column's type requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidJson;

/// Which members of a value stay, for one row.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeepFilter<'a> {
    All,
    Named(&'a KeepTree),
    OfModel(&'a ModelFilter),
}

impl<'a> KeepFilter<'a> {
    fn tree(self) -> Option<&'a KeepTree> {
        match self {
            KeepFilter::All => None,
            KeepFilter::Named(tree) => Some(tree),
            KeepFilter::OfModel(filter) => Some(&filter.keep),
        }
    }

    /// Counts a member that nothing names, under the model or the column.
    fn count(self, column: &str, first: &[u8], path: String, dropped: &mut DroppedCounts) {
        match self {
            KeepFilter::OfModel(filter) if path.contains('.') || filter.is_unknown(first) => {
                dropped.count(&filter.model, path);
            }
            KeepFilter::OfModel(_) => {}
            KeepFilter::All | KeepFilter::Named(_) => dropped.count(column, path),
        }
    }
}

/// An edit of one column, with what it needs from the row.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnEdit<'a> {
    pub edit: &'a Edit,
    pub column: &'a str,
    pub keep: KeepFilter<'a>,
    /// The column's limit in characters.
    pub max_length: Option<usize>,
}

/// Appends the edited value to `out`. `value` is escaped and not NULL, and so is the result.
/// Members that are dropped because nothing names them are counted in `dropped`.
pub(super) fn apply(
    how: ColumnEdit<'_>,
    value: &[u8],
    out: &mut Vec<u8>,
    dropped: &mut DroppedCounts,
) -> Result<(), InvalidJson> {
    let ColumnEdit { edit, column, keep, max_length } = how;
    let start = out.len();
    if edit.remove_members.is_empty() && edit.keep.is_none() {
        out.extend_from_slice(value);
    } else {
        let mut count = |first: &[u8], path: String| keep.count(column, first, path, dropped);
        let members =
            Members { remove: &edit.remove_members, keep: keep.tree(), dropped: &mut count };
        match edit_members(&unescape(value), members) {
            Ok(None) => out.extend_from_slice(value),
            Ok(Some(text)) => escape_into(&text, out),
            Err(_) => return Err(InvalidJson),
        }
    }
    if !edit.redact.is_empty() {
        redact(edit, max_length, start, out);
    }
    Ok(())
}

/// Replaces the matches in `out` from `start` on, and then what hides further matches.
fn redact(edit: &Edit, max_length: Option<usize>, start: usize, out: &mut Vec<u8>) {
    let replaced = replace_matches(edit, start, out);
    let length = out.len();
    hidden::redact(&edit.redact, start, out);
    if let Some(limit) = max_length.filter(|_| replaced || out.len() != length) {
        shorten(limit, start, out);
        // A cut can turn digits that were too long into a phone number.
        hidden::redact(&edit.redact, start, out);
        shorten(limit, start, out);
    }
}

/// Works on escaped text: a match never holds an escape.
fn replace_matches(edit: &Edit, start: usize, out: &mut Vec<u8>) -> bool {
    let matches =
        find_all(out.get(start..).unwrap_or_default(), |kind| edit.redact.contains(&kind));
    if matches.is_empty() {
        return false;
    }
    let value = out.split_off(start);
    let mut kept_from = 0;
    for hit in matches {
        out.extend_from_slice(value.get(kept_from..hit.range.start).unwrap_or_default());
        out.extend_from_slice(hit.kind.replacement().as_bytes());
        kept_from = hit.range.end;
    }
    out.extend_from_slice(value.get(kept_from..).unwrap_or_default());
    true
}

/// Cuts `out` from `start` on to `limit` characters, because a replacement can be longer than the
/// match.
fn shorten(limit: usize, start: usize, out: &mut Vec<u8>) {
    let value = unescape(out.get(start..).unwrap_or_default()).into_owned();
    let text = String::from_utf8_lossy(&value);
    if let Some((end, _)) = text.char_indices().nth(limit) {
        out.truncate(start);
        escape_into(text.get(..end).unwrap_or_default().as_bytes(), out);
    }
}
