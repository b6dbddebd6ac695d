//! What a command fails with: its kind, its hints and its exit code.
//!
//! Library modules have their own error enums. They become a [`CommandError`] here and nowhere
//! else, so that the exit codes of the contract are decided in one place: a file for each layer
//! whose errors they are.

mod adapters;
mod caches;
mod checks;
mod gitlab;
mod in_place;
mod media;
mod records;
mod restore;
mod runbook;
mod scrub;
mod search;
mod settings;

use std::error::Error as StdError;
use std::fmt;

use serde_json::Value;

pub use adapters::UNSET_ACL;
pub use restore::{STALLED, backup_at};
pub use scrub::{backup_file, personal_data, row_json, rows_in_words};

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

    /// Names the environment and its app in hints that have the words `ENV` and `APP` for them.
    pub fn about(mut self, environment: &str, app: &str) -> Self {
        for hint in &mut self.hints {
            let words = hint.split(' ').map(|word| match word {
                "ENV" => environment,
                "APP" => app,
                word => word,
            });
            *hint = words.collect::<Vec<_>>().join(" ");
        }
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
    fn hints_name_the_environment() {
        let error = CommandError::new(Kind::RemoteJob, "it failed")
            .hint("bcops backups list ENV   # shows what became of it")
            .hint("heroku ps --app APP   # the ENVIRONMENT and the APPS stay");
        assert_eq!(
            error.about("staging", "app-staging").hints,
            [
                "bcops backups list staging   # shows what became of it",
                "heroku ps --app app-staging   # the ENVIRONMENT and the APPS stay",
            ]
        );
    }

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
