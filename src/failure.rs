//! What a command fails with: its kind, its hints and its exit code.
//!
//! Library modules have their own error enums. Beside each stands the `From` that makes it a
//! [`CommandError`], because who adds an error has to decide its exit code and its hint.

use std::error::Error as StdError;
use std::fmt;

use serde_json::Value;

/// The class of a failure. Each has one exit code, which other programs rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
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

impl FailureKind {
    pub fn exit_code(self) -> u8 {
        match self {
            FailureKind::Unexpected => 1,
            FailureKind::Usage => 2,
            FailureKind::Configuration => 3,
            FailureKind::Refused => 4,
            FailureKind::NotConfirmed => 5,
            FailureKind::StalePlan => 6,
            FailureKind::Locked => 7,
            FailureKind::RemoteJob => 8,
            FailureKind::PersonalData => 9,
            FailureKind::Partial => 11,
            FailureKind::Interrupted => 130,
        }
    }

    /// The name in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            FailureKind::Unexpected => "unexpected",
            FailureKind::Usage => "usage",
            FailureKind::Configuration => "configuration",
            FailureKind::Refused => "refused",
            FailureKind::NotConfirmed => "not-confirmed",
            FailureKind::StalePlan => "stale-plan",
            FailureKind::Locked => "locked",
            FailureKind::RemoteJob => "remote-job",
            FailureKind::PersonalData => "personal-data",
            FailureKind::Partial => "partial",
            FailureKind::Interrupted => "interrupted",
        }
    }

    /// Whether the command refused to begin, as opposed to having failed at its work.
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            FailureKind::Refused
                | FailureKind::NotConfirmed
                | FailureKind::StalePlan
                | FailureKind::Locked
        )
    }
}

/// A failed command: one sentence, its causes, and what to do about it.
#[derive(Debug)]
pub struct CommandError {
    pub kind: FailureKind,
    message: String,
    cause: Option<Box<dyn StdError + Send + Sync>>,
    pub hints: Vec<String>,
    /// What a program may want to know of a failure, as the result in `--json`.
    pub result: Value,
}

impl CommandError {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        CommandError {
            kind,
            message: message.into(),
            cause: None,
            hints: Vec::new(),
            result: Value::Null,
        }
    }

    /// An inner error becomes the sentence itself, and its causes the causes.
    pub fn wrap(kind: FailureKind, error: impl StdError + Send + Sync + 'static) -> Self {
        CommandError::new(kind, error.to_string()).with_cause(error)
    }

    pub fn with_kind(self, kind: FailureKind) -> Self {
        CommandError { kind, ..self }
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

    pub fn with_hints<H: Into<String>>(mut self, hints: impl IntoIterator<Item = H>) -> Self {
        self.hints.extend(hints.into_iter().map(Into::into));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_the_environment() {
        let error = CommandError::new(FailureKind::RemoteJob, "it failed")
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
        let error = CommandError::new(FailureKind::Unexpected, "cannot list backups")
            .with_cause(Box::<dyn StdError + Send + Sync>::from(cause));
        assert_eq!(error.causes(), ["cannot reach the server", "connection refused"]);
    }
}
