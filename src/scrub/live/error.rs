//! Says why a live database was not scrubbed or audited.

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
    #[error("cannot lock {}: another session holds a lock ({holder})", .table.short())]
    TableLocked { table: TableName, holder: String },
    #[error("cannot {what}: it took longer than the time limit of {limit}")]
    TooSlow { what: String, limit: String },
    #[error("cannot {action} {}", .table.short())]
    Statement { table: TableName, action: &'static str, source: PostgresError },
    #[error("cannot run a statement of the manifest: {statement}")]
    After { statement: String, source: PostgresError },
    #[error(
        "cannot undo the changes: a statement of the manifest ended the transaction, so its changes \
         are already committed"
    )]
    TransactionEnded,
    #[error("cannot scrub: the schema changed during the run; nothing was committed")]
    SchemaChanged,
    #[error("the server did not confirm the commit: the database may be scrubbed or unchanged")]
    Commit { source: PostgresError },
    #[error("cannot add the foreign key {name} of {} again", .table.short())]
    ForeignKey { table: TableName, name: String, source: PostgresError },
    #[error("{}; nothing was committed", what_remains(.findings, .doubts))]
    PersonalData { findings: Vec<AuditCount>, doubts: Vec<UnreadValues> },
    /// Something kept the statements from working, for example a rule or a policy of the database.
    #[error(
        "{rows} rows of {} still break their rule ({rule}) after the scrub; \
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
        0 => format!("cannot show that {} holds no personal data", places(doubts.len())),
        count => format!("personal data remains in {}", places(count + doubts.len())),
    }
}

impl From<tokio_postgres::Error> for LiveError {
    fn from(error: tokio_postgres::Error) -> Self {
        LiveError::Postgres(error.into())
    }
}

impl LiveError {
    /// An error of a statement about one table. A reached time limit becomes
    /// [`LiveError::TooSlow`].
    pub(super) fn of_statement(
        table: &TableName,
        action: &'static str,
        limits: &super::Limits,
    ) -> impl Fn(tokio_postgres::Error) -> LiveError {
        let (table, limit) = (table.clone(), limits.statement);
        move |error| {
            if error.code() == Some(&SqlState::QUERY_CANCELED) {
                return LiveError::TooSlow {
                    what: format!("{action} {}", table.short()),
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
                .hint("wait until that session ends, or wait longer for the lock: --lock-timeout 5m"),
            LiveError::TooSlow { .. } => CommandError::wrap(FailureKind::Unexpected, error)
                .hint("give the statement more time: --statement-timeout 1h"),
            LiveError::SchemaChanged => CommandError::wrap(FailureKind::Unexpected, error)
                .hint("run the command again when the migration is done"),
            LiveError::Commit { .. } => CommandError::wrap(FailureKind::Unexpected, error)
                .hint("check the database: bcops scrub-pii --check (a second scrub does no harm)"),
            LiveError::Statement { ref source, .. }
            | LiveError::After { ref source, .. }
            | LiveError::ForeignKey { ref source, .. } => {
                let code = source.code().cloned();
                reached_limit(CommandError::wrap(FailureKind::Unexpected, error), code.as_ref())
            }
            LiveError::Scrub(_) => CommandError::wrap(FailureKind::PersonalData, error)
                .hint("check the manifest: bcops scrub-pii --manifest validate"),
            // Its changes are committed and were not audited.
            LiveError::TransactionEnded => CommandError::wrap(FailureKind::PersonalData, error)
                .hint(
                    "remove COMMIT and ROLLBACK from the manifest, then run: bcops scrub-pii --check",
                ),
        }
    }
}

/// Adds a hint if a time limit was reached.
fn reached_limit(error: CommandError, code: Option<&SqlState>) -> CommandError {
    match code {
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => error
            .with_kind(FailureKind::Locked)
            .hint("wait longer for the lock of another session: --lock-timeout 5m"),
        Some(code) if *code == SqlState::QUERY_CANCELED => {
            error.hint("if it was too slow, give the statement more time: --statement-timeout 1h")
        }
        _ => error,
    }
}
