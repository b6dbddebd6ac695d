//! Changes inside of a value, on text as COPY writes it.
//!
//! Both executions of a rule come here: rows in flight, and values fetched from a live database.

use super::copy_text::{escape_into, unescape};
use super::hidden;
use super::json_edit::remove_members;
use super::patterns::find_all;
use super::rules::Edit;

/// The value is not the JSON that its column's type promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidJson;

/// Appends the edited value to `out`. `value` is escaped and not NULL, and so is what is written;
/// `max_length` is the column's limit in characters.
pub(super) fn apply(
    edit: &Edit,
    max_length: Option<usize>,
    value: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), InvalidJson> {
    let start = out.len();
    if edit.remove_members.is_empty() {
        out.extend_from_slice(value);
    } else {
        match remove_members(&unescape(value), &edit.remove_members) {
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

/// Replaces the matches in what `out` holds from `start` on, and then what hides further ones.
fn redact(edit: &Edit, max_length: Option<usize>, start: usize, out: &mut Vec<u8>) {
    let replaced = replace_matches(edit, start, out);
    let length = out.len();
    hidden::redact(&edit.redact, start, out);
    if let Some(limit) = max_length.filter(|_| replaced || out.len() != length) {
        shorten(limit, start, out);
        // A number that was too long to be one can become one by a cut.
        hidden::redact(&edit.redact, start, out);
        shorten(limit, start, out);
    }
}

/// A match never holds an escape, so that this can be done on escaped text.
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

/// Cuts what `out` holds from `start` on to so many characters: a replacement can be longer than
/// what it replaces.
fn shorten(limit: usize, start: usize, out: &mut Vec<u8>) {
    let value = unescape(out.get(start..).unwrap_or_default()).into_owned();
    let text = String::from_utf8_lossy(&value);
    if let Some((end, _)) = text.char_indices().nth(limit) {
        out.truncate(start);
        escape_into(text.get(..end).unwrap_or_default().as_bytes(), out);
    }
}
