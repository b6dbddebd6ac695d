//! What a command fails with: its kind, its hints and its exit code.
//!
//! Library modules have their own error enums. They become a [`CommandError`] here and nowhere
//! else, so that the exit codes of the contract are decided in one place.

mod caches;
mod runbook;

use std::error::Error as StdError;
use std::fmt;

use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

use crate::adapters::download::DownloadError;
use crate::adapters::git::GitError;
use crate::adapters::heroku::{HerokuError, OneOffError, StopReason};
use crate::adapters::postgres::PostgresError;
use crate::adapters::s3::S3Error;
use crate::archive::ArchiveError;
use crate::media::MediaError;
use crate::restore::RestoreError;
use crate::restore::databases::DatabaseError;
use crate::scrub::backup_file::BackupFileError;
use crate::scrub::live::LiveError;
use crate::scrub::{AuditCount, BlocksError, ManifestError, PlanError, UnreadValues};
use crate::settings::SettingsError;

/// The class of a failure. Each has one exit code, which other programs rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A failure that bcops did not foresee.
    Unexpected,
    /// The command line makes no sense.
    Usage,
    /// A setting or a credential is missing or wrong.
    Configuration,
    /// A guard refused; nothing was changed.
    Refused,
    /// The user declined, or there was no terminal to ask on; nothing was changed.
    NotConfirmed,
    /// What a plan was bound to has changed.
    StalePlan,
    /// Somebody else holds the lock.
    Locked,
    /// A remote job ended in failure, or its end could not be observed.
    RemoteJob,
    /// Personal data remains, or its absence could not be shown.
    PersonalData,
    /// Stopped half-way, or a part was left out; the rest was done, and a rerun goes on from there.
    Partial,
    /// The user pressed Ctrl-C.
    Interrupted,
}

impl Kind {
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Unexpected => 1,
            Kind::Usage => 2,
            Kind::Configuration => 3,
            Kind::Refused => 4,
            Kind::NotConfirmed => 5,
            Kind::StalePlan => 6,
            Kind::Locked => 7,
            Kind::RemoteJob => 8,
            Kind::PersonalData => 9,
            Kind::Partial => 11,
            Kind::Interrupted => 130,
        }
    }

    /// The name in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Unexpected => "unexpected",
            Kind::Usage => "usage",
            Kind::Configuration => "configuration",
            Kind::Refused => "refused",
            Kind::NotConfirmed => "not-confirmed",
            Kind::StalePlan => "stale-plan",
            Kind::Locked => "locked",
            Kind::RemoteJob => "remote-job",
            Kind::PersonalData => "personal-data",
            Kind::Partial => "partial",
            Kind::Interrupted => "interrupted",
        }
    }

    /// Whether the command refused to begin, as opposed to having failed at its work.
    pub fn is_refusal(self) -> bool {
        matches!(self, Kind::Refused | Kind::NotConfirmed | Kind::StalePlan | Kind::Locked)
    }
}

/// A failed command: one sentence, its causes, and what to do about it.
#[derive(Debug)]
pub struct CommandError {
    pub kind: Kind,
    message: String,
    cause: Option<Box<dyn StdError + Send + Sync>>,
    pub hints: Vec<String>,
    /// What a program may want to know of a failure, as the result in `--json`.
    pub result: Value,
}

impl CommandError {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        CommandError {
            kind,
            message: message.into(),
            cause: None,
            hints: Vec::new(),
            result: Value::Null,
        }
    }

    pub fn with_cause(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    pub fn with_result(mut self, result: Value) -> Self {
        self.result = result;
        self
    }

    /// Adds the command or setting that mends it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The messages of the causes, outermost first, without those that repeat their parent.
    pub fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut next: Option<&dyn StdError> = self.cause.as_deref().map(|cause| cause as _);
        while let Some(cause) = next {
            let text = cause.to_string();
            let last = causes.last().unwrap_or(&self.message);
            if !last.ends_with(&text) {
                causes.push(text);
            }
            next = cause.source();
        }
        causes
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for CommandError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl From<SettingsError> for CommandError {
    fn from(error: SettingsError) -> Self {
        let kind = match &error {
            SettingsError::UnknownEnvironment { .. } => Kind::Usage,
            SettingsError::Protected { .. } => Kind::Refused,
            _ => Kind::Configuration,
        };
        wrap(kind, error)
    }
}

impl From<HerokuError> for CommandError {
    fn from(error: HerokuError) -> Self {
        let (kind, hint) = match &error {
            HerokuError::NoCredentials { .. }
            | HerokuError::InvalidToken { .. }
            | HerokuError::Unauthorized { .. } => (
                Kind::Configuration,
                Some(
                    "heroku login   # or set HEROKU_API_KEY to the output of `heroku authorizations:create`",
                ),
            ),
            HerokuError::TwoFactor { .. } => (
                Kind::Configuration,
                Some("set HEROKU_API_KEY to the output of `heroku authorizations:create`"),
            ),
            HerokuError::InvalidEndpoint { .. }
            | HerokuError::UnencryptedEndpoint { .. }
            | HerokuError::UnreadableNetrc { .. }
            | HerokuError::InvalidName { .. }
            | HerokuError::Forbidden { .. }
            | HerokuError::NotFound { .. }
            | HerokuError::UnknownDatabase { .. }
            | HerokuError::AmbiguousDatabase { .. }
            | HerokuError::AnotherApp { .. }
            | HerokuError::NoConsole { .. }
            | HerokuError::NoBackup { .. } => {
                (Kind::Configuration, Some("bcops doctor   # checks every app and permission"))
            }
            HerokuError::ForeignDatabase { .. } => (Kind::Refused, None),
            HerokuError::OneOff(OneOffError::GivenUp {
                reason: StopReason::Interrupted, ..
            }) => (Kind::Interrupted, None),
            HerokuError::TransferFailed { .. }
            | HerokuError::TransferCanceled { .. }
            | HerokuError::TransferUnseen { .. }
            | HerokuError::TransferTooLong { .. }
            | HerokuError::TransferLost { .. }
            | HerokuError::TransferUnclear { .. }
            | HerokuError::UnusableBackup { .. }
            | HerokuError::ResetUnclear { .. }
            | HerokuError::DynosUnsettled { .. }
            | HerokuError::NotTaken { .. }
            | HerokuError::JobFailed { .. }
            | HerokuError::JobUnseen { .. }
            | HerokuError::JobTooLong { .. }
            | HerokuError::RollbackLost { .. }
            | HerokuError::OneOff(_) => (Kind::RemoteJob, None),
            _ => (Kind::Unexpected, None),
        };
        with_hint(wrap(kind, error), hint)
    }
}

impl From<DownloadError> for CommandError {
    fn from(error: DownloadError) -> Self {
        wrap(Kind::Unexpected, error)
    }
}

impl From<PostgresError> for CommandError {
    fn from(error: PostgresError) -> Self {
        let (kind, hint) = match &error {
            PostgresError::BadUrl(_) | PostgresError::Tls { .. } => (Kind::Configuration, None),
            PostgresError::Connect { .. }
                if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) =>
            {
                (
                    Kind::Configuration,
                    Some("use fewer sessions: --jobs 1; or raise the server's max_connections"),
                )
            }
            PostgresError::Connect { .. } | PostgresError::Timeout { .. } => (
                Kind::Configuration,
                Some(
                    "start the server, or point BCOPS_LOCAL_DATABASE_URL at it; `bcops doctor` checks",
                ),
            ),
            PostgresError::Server(_) => (Kind::Unexpected, None),
        };
        with_hint(wrap(kind, error), hint)
    }
}

impl From<S3Error> for CommandError {
    fn from(error: S3Error) -> Self {
        let (kind, hint) = match &error {
            S3Error::Refused { code, .. } if code == "ExpiredToken" || code == "InvalidToken" => (
                Kind::Configuration,
                Some(
                    "the bucket's keys are no longer good: set new ones as config vars of the app",
                ),
            ),
            S3Error::BadConfiguration(_) | S3Error::Refused { .. } => {
                (Kind::Configuration, Some("bcops doctor   # checks every bucket and permission"))
            }
            _ => (Kind::Unexpected, None),
        };
        with_hint(wrap(kind, error), hint)
    }
}

impl From<MediaError> for CommandError {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::S3(error) => error.into(),
            MediaError::Refused(_) => wrap(Kind::Refused, error)
                .hint("look whether the source is the right one and whole")
                .hint("to delete more on purpose: --max-delete N; to delete nothing: --no-delete"),
            MediaError::Link { .. } => wrap(Kind::Refused, error)
                .hint("set media.folder in bcops.toml to the place itself"),
            MediaError::NoFolder { .. } => wrap(Kind::Refused, error)
                .hint("set media.folder in bcops.toml, or BCOPS_MEDIA_FOLDER"),
            MediaError::BadState { .. }
            | MediaError::Disk { .. }
            | MediaError::BadListing { .. } => wrap(Kind::Unexpected, error),
        }
    }
}

impl From<ArchiveError> for CommandError {
    fn from(error: ArchiveError) -> Self {
        wrap(Kind::Unexpected, error)
    }
}

impl From<GitError> for CommandError {
    fn from(error: GitError) -> Self {
        match error {
            GitError::NoGit(_)
            | GitError::TooOld { .. }
            | GitError::NotARepository { .. }
            | GitError::UnknownRemote { .. }
            | GitError::InvalidName { .. }
            | GitError::InvalidHost { .. }
            | GitError::Authentication { .. }
            | GitError::NoSuchRepository { .. }
            | GitError::NoSuchBranch { .. }
            | GitError::NoIdentity { .. }
            | GitError::Temporary { .. } => wrap(Kind::Configuration, error),
            GitError::Locked(ref holder) => {
                let hint = format!("if that run is dead: bcops runs unlock {}", holder.run);
                wrap(Kind::Locked, error).hint(hint)
            }
            GitError::AnothersLock { .. } | GitError::UnreadableLock { .. } => {
                wrap(Kind::Locked, error)
            }
            GitError::LeaseRejected { .. } => wrap(Kind::Refused, error)
                .hint("look at what was pushed, then plan again from where it is now"),
            GitError::ProtectedBranch { .. }
            | GitError::HookDeclined { .. }
            | GitError::ShallowNotAllowed { .. }
            | GitError::Refused { .. }
            | GitError::NotLocked { .. } => wrap(Kind::Refused, error),
            GitError::BuildFailed { .. } => wrap(Kind::RemoteJob, error),
            GitError::Unreachable { .. }
            | GitError::TimedOut { .. }
            | GitError::Failed { .. }
            | GitError::UnexpectedAnswer { .. }
            | GitError::Endless { .. }
            | GitError::Library { .. }
            | GitError::NotUtf8 { .. }
            | GitError::Lost(_)
            | GitError::Thread(_) => wrap(Kind::Unexpected, error),
        }
    }
}

impl From<DatabaseError> for CommandError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Postgres(error) => error.into(),
            DatabaseError::Locked { .. } => {
                wrap(Kind::Locked, error).hint("wait until it is done, then try again")
            }
            DatabaseError::NameTooLong { .. } => {
                wrap(Kind::Configuration, error).hint("choose a shorter name with --target")
            }
            DatabaseError::NothingToUndo { .. } => wrap(Kind::Refused, error),
            DatabaseError::NotOwner { ref name, ref role } => {
                let hint = format!("as a superuser: ALTER DATABASE \"{name}\" OWNER TO \"{role}\"");
                wrap(Kind::Configuration, error).hint(hint)
            }
            DatabaseError::InUse { .. } => wrap(Kind::Unexpected, error)
                .hint("stop what uses the database (runserver, psql), then try again"),
            DatabaseError::MayNotCreate { ref role, .. } => {
                let hint = format!("as a superuser: ALTER ROLE \"{role}\" CREATEDB");
                wrap(Kind::Configuration, error).hint(hint)
            }
        }
    }
}

impl From<RestoreError> for CommandError {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Postgres(error) => error.into(),
            RestoreError::MissingExtensions { ref names } => {
                let hint = format!(
                    "install the server's packages for {}, or create them as a superuser",
                    names.join(", ")
                );
                wrap(Kind::Configuration, error).hint(hint)
            }
            RestoreError::InsertStyle { .. } => wrap(Kind::Refused, error),
            RestoreError::CannotLookBack { .. } => {
                wrap(Kind::Refused, error).hint("give the file's name instead of `-`")
            }
            RestoreError::PersonalData { ref findings } => {
                personal_data(error.to_string(), findings, &[])
            }
            RestoreError::Scrub(_) => wrap(Kind::PersonalData, error),
            _ => wrap(Kind::Unexpected, error),
        }
    }
}

fn findings_json(findings: &[AuditCount]) -> Vec<Value> {
    let finding = |one: &AuditCount| {
        json!({
            "table": one.table.short(),
            "column": one.column,
            "kind": one.kind.to_string(),
            "count": one.count,
        })
    };
    findings.iter().map(finding).collect()
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
        let count = crate::ui::plural(finding.count, &finding.kind.to_string());
        format!("{}.{}: {count}", finding.table.short(), finding.column)
    });
    let unread = doubts.iter().map(|values| {
        let count = crate::ui::plural(values.count, "value");
        let place = format!("{}.{}", values.table.short(), values.column);
        format!("{place}: {count} that could not be looked into")
    });
    let error = CommandError::new(Kind::PersonalData, message)
        .with_result(json!({ "findings": findings_json(findings), "unread": unread_json(doubts) }));
    places.chain(unread).fold(error, CommandError::hint).hint(
        "class the columns in the manifest and give them a rule (scrub.manifest in bcops.toml)",
    )
}

impl From<LiveError> for CommandError {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::Plan(error) => error.into(),
            LiveError::Postgres(error) => error.into(),
            LiveError::PersonalData { ref findings, ref doubts } => {
                personal_data(error.to_string(), findings, doubts)
            }
            LiveError::NotApplied { .. } => wrap(Kind::PersonalData, error)
                .hint("look for rules, policies and inheritance on the table: \\d+ in psql"),
            LiveError::TableLocked { .. } => wrap(Kind::Locked, error)
                .hint("wait until that session is done, or give it more time: --lock-timeout 5m"),
            LiveError::TooSlow { .. } => {
                wrap(Kind::Unexpected, error).hint("give it more time: --statement-timeout 1h")
            }
            LiveError::SchemaChanged => {
                wrap(Kind::Unexpected, error).hint("try again when the migration is through")
            }
            LiveError::Commit { .. } => wrap(Kind::Unexpected, error)
                .hint("scrub-pii --check tells; scrubbing twice does no harm"),
            LiveError::Statement { ref source, .. }
            | LiveError::After { ref source, .. }
            | LiveError::ForeignKey { ref source, .. } => {
                let code = source.code().cloned();
                reached_limit(wrap(Kind::Unexpected, error), code.as_ref())
            }
            LiveError::Scrub(_) => wrap(Kind::PersonalData, error),
            // What it did is committed, and nobody has audited it.
            LiveError::TransactionEnded => wrap(Kind::PersonalData, error).hint(
                "take COMMIT and the like out of the manifest, then: bcops scrub-pii --check",
            ),
        }
    }
}

/// A time limit of the server that was reached can be set higher.
fn reached_limit(error: CommandError, code: Option<&SqlState>) -> CommandError {
    match code {
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => {
            CommandError { kind: Kind::Locked, ..error }
                .hint("another session holds a lock: give it more time with --lock-timeout 5m")
        }
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
            BlocksError::Refused { mend, .. } => with_hint(wrap(Kind::Refused, error), mend),
        }
    }
}

impl From<BackupFileError> for CommandError {
    fn from(error: BackupFileError) -> Self {
        match error {
            BackupFileError::PersonalData { ref findings } => {
                personal_data(error.to_string(), findings, &[])
            }
            BackupFileError::Scrub(_) => wrap(Kind::PersonalData, error),
            BackupFileError::Open { .. } => wrap(Kind::Configuration, error),
            BackupFileError::Blocks(error) => error.into(),
            BackupFileError::Exists { .. } => {
                wrap(Kind::Refused, error).hint("to replace it: --force")
            }
            BackupFileError::SameFile { .. } | BackupFileError::NotAFile { .. } => {
                wrap(Kind::Refused, error)
            }
            BackupFileError::InUse { .. } => wrap(Kind::Locked, error),
            BackupFileError::CannotLookBack { .. } => {
                wrap(Kind::Refused, error).hint("give the file's name instead of `-`")
            }
            BackupFileError::Interrupted => wrap(Kind::Interrupted, error),
            BackupFileError::Archive(_)
            | BackupFileError::Write { .. }
            | BackupFileError::Framing(_)
            | BackupFileError::WriterEnded => wrap(Kind::Unexpected, error),
        }
    }
}

impl From<ManifestError> for CommandError {
    fn from(error: ManifestError) -> Self {
        wrap(Kind::Configuration, error)
    }
}

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> Self {
        wrap(Kind::PersonalData, error)
            .hint(
                "add the lines to a manifest of your own and name it as scrub.manifest in bcops.toml",
            )
            .hint("to have them drafted from a look at the rows: bcops scrub-pii --manifest suggest")
    }
}

/// An inner error becomes the sentence itself, and its causes the causes.
fn wrap<E: StdError + Send + Sync + 'static>(kind: Kind, error: E) -> CommandError {
    let message = error.to_string();
    CommandError::new(kind, message).with_cause(error)
}

fn with_hint(error: CommandError, hint: Option<&str>) -> CommandError {
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_do_not_repeat_their_parent() {
        let cause = anyhow::anyhow!("connection refused").context("cannot reach the server");
        let error = CommandError::new(Kind::Unexpected, "cannot list backups").with_cause(Box::<
            dyn StdError + Send + Sync,
        >::from(
            cause
        ));
        assert_eq!(error.causes(), ["cannot reach the server", "connection refused"]);
    }
}
