//! The exit codes of scrubbing, and how what remains is told.

use std::path::Path;

use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

use super::restore::{archive, archive_hints};
use crate::failure::{CommandError, FailureKind};
use crate::scrub::backup_file::BackupFileError;
use crate::scrub::live::LiveError;
use crate::scrub::{AuditCount, BlocksError, ManifestError, PlanError, RowPlace, UnreadValues};

fn findings_json(findings: &[AuditCount]) -> Vec<Value> {
    let finding = |one: &AuditCount| {
        json!({
            "table": one.table.short(),
            "column": one.column,
            "definition": one.definition,
            "kind": one.kind.to_string(),
            "strength": one.strength.name(),
            "count": one.count,
            "rows": one.rows.iter().map(row_json).collect::<Vec<_>>(),
        })
    };
    findings.iter().map(finding).collect()
}

pub fn row_json(row: &RowPlace) -> Value {
    json!({ "key": row.key, "page": row.page, "edit": row.edit_address() })
}

/// How many rows a message names.
const NAMED_ROWS: usize = 5;

/// ` (page 12: /admin/pages/12/edit/; row 7)`, or nothing where no row is known.
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

fn unread_json(doubts: &[UnreadValues]) -> Vec<Value> {
    let values = |one: &UnreadValues| json!({ "table": one.table.short(), "column": one.column, "count": one.count });
    doubts.iter().map(values).collect()
}

/// What remains, by place and kind, and never a value.
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
        format!("{place}: {count} that could not be looked into")
    });
    let error = CommandError::new(FailureKind::PersonalData, message)
        .with_result(json!({ "findings": findings_json(findings), "unread": unread_json(doubts) }));
    let mut error = places.chain(unread).fold(error, CommandError::hint);
    if in_rows || !doubts.is_empty() {
        error = error.hint(
            "class the columns in the manifest and give them a rule (scrub.manifest in bcops.toml)",
        );
    }
    if published {
        error = error.hint(
            "take the number off the page, or allow it in this row: [[audit.published]] in the manifest with table, key and sha256",
        );
    }
    if in_definitions {
        error = error.hint(
            "take the value out of the definition by a migration, or add it to audit.allow in the manifest",
        );
    }
    error
}

impl From<LiveError> for CommandError {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::Plan(error) => error.into(),
            LiveError::Postgres(error) => error.into(),
            LiveError::PersonalData { ref findings, ref doubts } => {
                personal_data(error.to_string(), findings, doubts)
            }
            LiveError::NotApplied { .. } => CommandError::wrap(FailureKind::PersonalData, error)
                .hint("look for rules, policies and inheritance on the table: \\d+ in psql"),
            LiveError::TableLocked { .. } => CommandError::wrap(FailureKind::Locked, error)
                .hint("wait until that session is done, or give it more time: --lock-timeout 5m"),
            LiveError::TooSlow { .. } => CommandError::wrap(FailureKind::Unexpected, error)
                .hint("give it more time: --statement-timeout 1h"),
            LiveError::SchemaChanged => CommandError::wrap(FailureKind::Unexpected, error)
                .hint("try again when the migration is through"),
            LiveError::Commit { .. } => CommandError::wrap(FailureKind::Unexpected, error)
                .hint("scrub-pii --check tells; scrubbing twice does no harm"),
            LiveError::Statement { ref source, .. }
            | LiveError::After { ref source, .. }
            | LiveError::ForeignKey { ref source, .. } => {
                let code = source.code().cloned();
                reached_limit(CommandError::wrap(FailureKind::Unexpected, error), code.as_ref())
            }
            LiveError::Scrub(_) => CommandError::wrap(FailureKind::PersonalData, error),
            // What it did is committed, and nobody has audited it.
            LiveError::TransactionEnded => CommandError::wrap(FailureKind::PersonalData, error)
                .hint(
                    "take COMMIT and the like out of the manifest, then: bcops scrub-pii --check",
                ),
        }
    }
}

/// A time limit of the server that was reached can be set higher.
fn reached_limit(error: CommandError, code: Option<&SqlState>) -> CommandError {
    match code {
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => error
            .with_kind(FailureKind::Locked)
            .hint("another session holds a lock: give it more time with --lock-timeout 5m"),
        Some(code) if *code == SqlState::QUERY_CANCELED => {
            error.hint("if it was too slow, give it more time: --statement-timeout 1h")
        }
        _ => error,
    }
}

impl From<BlocksError> for CommandError {
    fn from(error: BlocksError) -> Self {
        match error {
            BlocksError::Archive(error) => error.into(),
            BlocksError::Refused { mend, .. } => {
                CommandError::wrap(FailureKind::Refused, error).with_hints(mend)
            }
        }
    }
}

/// The same error with the file's name, so that its hints can be typed.
pub fn backup_file(error: BackupFileError, file: &Path) -> CommandError {
    match error {
        BackupFileError::Archive(reason) => {
            let read = archive(reason, Some(file));
            let named = CommandError::new(read.kind, format!("cannot read {}", file.display()));
            let hints = read.hints.clone();
            hints.into_iter().fold(named.with_cause(read), CommandError::hint)
        }
        error => error.into(),
    }
}

impl From<BackupFileError> for CommandError {
    fn from(error: BackupFileError) -> Self {
        match error {
            BackupFileError::PersonalData { ref findings } => {
                personal_data(error.to_string(), findings, &[])
            }
            BackupFileError::Scrub(_) => CommandError::wrap(FailureKind::PersonalData, error),
            BackupFileError::Open { .. } => CommandError::wrap(FailureKind::Configuration, error),
            BackupFileError::Blocks(error) => error.into(),
            BackupFileError::Exists { .. } => {
                CommandError::wrap(FailureKind::Refused, error).hint("to replace it: --force")
            }
            BackupFileError::SameFile { .. } | BackupFileError::NotAFile { .. } => {
                CommandError::wrap(FailureKind::Refused, error)
            }
            BackupFileError::InUse { .. } => CommandError::wrap(FailureKind::Locked, error),
            BackupFileError::CannotLookBack { .. } => {
                CommandError::wrap(FailureKind::Refused, error)
                    .hint("give the file's name instead of `-`")
            }
            BackupFileError::Interrupted => CommandError::wrap(FailureKind::Interrupted, error),
            BackupFileError::Archive(ref reason) => {
                let hints = archive_hints(reason, None);
                hints
                    .into_iter()
                    .fold(CommandError::wrap(FailureKind::Unexpected, error), CommandError::hint)
            }
            BackupFileError::Read { .. }
            | BackupFileError::Write { .. }
            | BackupFileError::Framing(_)
            | BackupFileError::WriterEnded => CommandError::wrap(FailureKind::Unexpected, error),
        }
    }
}

impl From<ManifestError> for CommandError {
    fn from(error: ManifestError) -> Self {
        CommandError::wrap(FailureKind::Configuration, error)
    }
}

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> Self {
        CommandError::wrap(FailureKind::PersonalData, error)
            .hint(
                "add the lines to a manifest of your own and name it as scrub.manifest in bcops.toml",
            )
            .hint("to have them drafted from a look at the rows: bcops scrub-pii --manifest suggest")
    }
}
