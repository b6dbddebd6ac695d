//! Reports where personal data remains, by place and kind, and never by value.

use super::{AuditCount, RowPlace, UnreadValues};
use crate::failure::{CommandError, FailureKind};

use schemars::JsonSchema;
use serde::Serialize;

/// What remains, in JSON. Never a value.
#[derive(Serialize, JsonSchema)]
pub struct Remains<'a> {
    /// Where personal data was found.
    findings: &'a [AuditCount],
    /// Where values could not be decoded.
    unread: &'a [UnreadValues],
}

/// How many rows a message lists.
const NAMED_ROWS: usize = 5;

/// ` (page 12: /admin/pages/12/edit/; row 7)`, or an empty text if no row is known.
pub fn rows_in_words(rows: &[RowPlace]) -> String {
    let mut named: Vec<String> = rows
        .iter()
        .map(|row| match row.page.as_ref().zip(row.edit_address()) {
            Some((page, address)) if *page == row.key => format!("page {page}: {address}"),
            Some((page, address)) => format!("row {} of page {page}: {address}", row.key),
            None => format!("row {}", row.key),
        })
        .take(NAMED_ROWS)
        .collect();
    if rows.len() > NAMED_ROWS {
        named.push("and more".to_owned());
    }
    if named.is_empty() { String::new() } else { format!(" ({})", named.join("; ")) }
}

/// The error that lists what remains, by place and kind, and never a value.
pub fn personal_data(
    message: String,
    findings: &[AuditCount],
    doubts: &[UnreadValues],
) -> CommandError {
    let places = findings.iter().map(|finding| {
        let count = crate::words::plural(finding.count, &finding.kind.to_string());
        format!("{}: {count}{}", finding.place(), rows_in_words(&finding.rows))
    });
    let in_definitions = findings.iter().any(|finding| finding.definition.is_some());
    let published = findings.iter().any(|finding| !finding.rows.is_empty());
    let in_rows =
        findings.iter().any(|finding| finding.definition.is_none() && finding.rows.is_empty());

    let unread = doubts.iter().map(|values| {
        let count = crate::words::plural(values.count, "value");
        let place = format!("{}.{}", values.table.short(), values.column);
        format!("{place}: {count} that bcops could not decode")
    });
    let error = CommandError::new(FailureKind::PersonalData, message)
        .with_result(Remains { findings, unread: doubts });
    let mut error = error.with_hints(places.chain(unread));
    if in_rows || !doubts.is_empty() {
        error = error.hint(
            "class the columns and give them a rule in the manifest (scrub.manifest in bcops.toml)",
        );
    }
    if published {
        error = error.hint(
            "remove the number from the page, or allow it in this row: add [[audit.published]] with table, key and sha256 to the manifest",
        );
    }
    if in_definitions {
        error = error.hint(
            "remove the value from the definition by a migration, or add it to audit.allow in the manifest",
        );
    }
    error
}
