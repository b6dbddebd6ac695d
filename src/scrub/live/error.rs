//! Why a live database was not scrubbed or audited.

use thiserror::Error;
use tokio_postgres::error::SqlState;

use crate::adapters::postgres::PostgresError;
use crate::failure::{CommandError, FailureKind};
use crate::schema::TableName;
use crate::scrub::personal_data;
use crate::scrub::{AuditCount, PlanError, ScrubError, UnreadValues};

#[derive(Debug, Error)]
pub enum LiveError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error(transparent)]
    Scrub(#[from] ScrubError),
    #[error("{} is locked by another session: {holder}", .table.short())]
    TableLocked { table: TableName, holder: String },
    #[error("{what} took longer than the time limit of {limit}")]
    TooSlow { what: String, limit: String },
    #[error("{} cannot be {action}", .table.short())]
    Statement { table: TableName, action: &'static str, source: PostgresError },
    #[error("a statement of the manifest failed: {statement}")]
    After { statement: String, source: PostgresError },
    #[error(
        "a statement of the manifest ended the transaction, so that what it did can no longer be \
         taken back"
    )]
    TransactionEnded,
    #[error("the schema of the database was changed meanwhile; nothing was committed")]
    SchemaChanged,
    #[error("the server did not confirm the commit, so that it is not known whether it took place")]
    Commit { source: PostgresError },
    #[error("the foreign key {name} of {} could not be put back", .table.short())]
    ForeignKey { table: TableName, name: String, source: PostgresError },
    #[error("{}; nothing was committed", what_remains(.findings, .doubts))]
    PersonalData { findings: Vec<AuditCount>, doubts: Vec<UnreadValues> },
    /// Something kept the statements from doing what they say, for example a rule or a policy.
    #[error(
        "{rows} rows of {} still do not obey their rule ({rule}) after it was applied; \
         nothing was committed",
        .table.short()
    )]
    NotApplied { table: TableName, rule: String, rows: u64 },
}

fn what_remains(findings: &[AuditCount], doubts: &[UnreadValues]) -> String {
    let places = |count: usize| match count {
        1 => "1 place".to_owned(),
        count => format!("{count} places"),
    };
    match findings.len() {
        0 => format!("the absence of personal data cannot be shown in {}", places(doubts.len())),
        count => format!("personal data remains in {}", places(count + doubts.len())),
    }
}

impl From<tokio_postgres::Error> for LiveError {
    fn from(error: tokio_postgres::Error) -> Self {
        LiveError::Postgres(error.into())
    }
}

impl LiveError {
    /// An error of a statement about one table, which a reached time limit explains better.
    pub(super) fn of_statement(
        table: &TableName,
        action: &'static str,
        limits: &super::Limits,
    ) -> impl Fn(tokio_postgres::Error) -> LiveError {
        let (table, limit) = (table.clone(), limits.statement);
        move |error| {
            if error.code() == Some(&SqlState::QUERY_CANCELED) {
                return LiveError::TooSlow {
                    what: format!("{} to be {action}", table.short()),
                    limit: format!("{} s", limit.as_secs()),
                };
            }
            LiveError::Statement { table: table.clone(), action, source: error.into() }
        }
    }
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
            LiveError::Scrub(_) => CommandError::wrap(FailureKind::PersonalData, error)
                .hint("check the manifest: bcops scrub-pii --manifest validate"),
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
