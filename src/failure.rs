//! Defines how a command fails: its kind, its hints and its exit code.
//!
//! Library modules have their own error enums. Each has a `From` beside it that makes a
//! [`CommandError`], because the author of an error must decide its exit code and its hint.

use std::error::Error as StdError;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::json;
use crate::retry::Retry;

/// The class of a failure. Each has one exit code, which other programs rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// A failure that bcops did not foresee.
    Unexpected,
    /// The command line is not valid.
    Usage,
    /// A setting or a credential is missing or wrong.
    Configuration,
    /// A guard refused. Nothing was changed.
    Refused,
    /// The user declined, or there was no terminal to ask on. Nothing was changed.
    NotConfirmed,
    /// The state that a plan was made for has changed.
    StalePlan,
    /// Someone else holds the lock.
    Locked,
    /// A remote job failed, or its end could not be observed.
    RemoteJob,
    /// Personal data remains, or its absence could not be shown.
    PersonalData,
    /// Stopped half-way, or skipped a part. The rest is done, and the next run resumes there.
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

    /// The name in `--json` and in journals.
    pub fn name(self) -> String {
        json::name(self)
    }

    /// Whether the command refused to begin, as opposed to failing later.
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

/// What to do about a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A command, or one imperative sentence that ends in one.
    Text(String),
    /// A command about one environment. An adapter does not know its environment: the caller adds
    /// it with [`CommandError::in_environment`]. Until then only `purpose` is shown, so no
    /// placeholder reaches the screen.
    Run { purpose: &'static str, command: &'static str, environment: Option<EnvironmentName> },
}

/// An environment as on a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentName {
    pub name: String,
    /// Its Heroku app, which the commands of Heroku's own CLI take.
    pub app: String,
}

impl Hint {
    /// A command that ends in an environment, or in its app for a `heroku` command.
    pub fn run(purpose: &'static str, command: &'static str) -> Self {
        Hint::Run { purpose, command, environment: None }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hint::Text(text) => f.write_str(text),
            Hint::Run { purpose, environment: None, .. } => f.write_str(purpose),
            Hint::Run { purpose, command, environment: Some(environment) } => {
                let is_herokus = command.starts_with("heroku ");
                let named = if is_herokus { &environment.app } else { &environment.name };
                write!(f, "{purpose}: {command} {named}")
            }
        }
    }
}

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        Hint::Text(text.to_owned())
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Hint::Text(text)
    }
}

/// A failed command: one sentence, its causes, and what to do about it.
#[derive(Debug)]
pub struct CommandError {
    pub kind: FailureKind,
    /// The sentence, and the causes below it.
    failure: anyhow::Error,
    pub hints: Vec<Hint>,
    /// Details of the failure for programs, as the result in `--json`.
    pub result: Value,
    /// Whether a person has to look before the command is repeated, whatever the kind.
    needs_a_look: bool,
}

impl CommandError {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        CommandError::of(kind, anyhow::Error::msg(message.into()))
    }

    /// Uses an inner error as the sentence, and its causes as the causes.
    pub fn wrap(kind: FailureKind, error: impl StdError + Send + Sync + 'static) -> Self {
        CommandError::of(kind, anyhow::Error::new(error))
    }

    fn of(kind: FailureKind, failure: anyhow::Error) -> Self {
        let (hints, result) = (Vec::new(), Value::Null);
        CommandError { kind, failure, hints, result, needs_a_look: false }
    }

    /// The same kind, hints and result under another sentence, with this failure as its cause.
    pub fn context(self, message: impl Into<String>) -> Self {
        CommandError { failure: self.failure.context(message.into()), ..self }
    }

    pub fn with_kind(self, kind: FailureKind) -> Self {
        CommandError { kind, ..self }
    }

    pub fn with_cause(self, cause: impl Into<anyhow::Error>) -> Self {
        let message = self.failure.to_string();
        CommandError { failure: cause.into().context(message), ..self }
    }

    pub fn with_result(self, result: impl Serialize) -> Self {
        CommandError { result: json::document(result), ..self }
    }

    /// Marks a failure after which a person has to look before the command is repeated.
    pub fn look_first(self) -> Self {
        CommandError { needs_a_look: true, ..self }
    }

    /// Whether a program can repeat the command.
    pub fn retry(&self, command: &str) -> Retry {
        if self.needs_a_look { Retry::LookFirst } else { Retry::after(self.kind, command) }
    }

    /// Adds the command or setting that fixes it.
    pub fn hint(self, hint: impl Into<Hint>) -> Self {
        self.with_hints([hint.into()])
    }

    pub fn with_hints<H: Into<Hint>>(mut self, hints: impl IntoIterator<Item = H>) -> Self {
        self.hints.extend(hints.into_iter().map(Into::into));
        self
    }

    /// Replaces the hints, if the caller knows a better fix.
    pub fn hint_instead(self, hint: impl Into<Hint>) -> Self {
        CommandError { hints: vec![hint.into()], ..self }
    }

    /// Names the environment in the hints that lack it.
    pub fn in_environment(mut self, named: &EnvironmentName) -> Self {
        for hint in &mut self.hints {
            if let Hint::Run { environment, .. } = hint {
                environment.get_or_insert_with(|| named.clone());
            }
        }
        self
    }

    /// The hints as shown.
    pub fn hint_texts(&self) -> Vec<String> {
        self.hints.iter().map(Hint::to_string).collect()
    }

    /// The messages of the causes, outermost first, without those that repeat their parent.
    pub fn causes(&self) -> Vec<String> {
        let mut last = self.failure.to_string();
        let mut causes = Vec::new();
        for text in self.failure.chain().skip(1).map(ToString::to_string) {
            if !last.ends_with(&text) {
                causes.push(text.clone());
                last = text;
            }
        }
        causes
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.failure)
    }
}

impl StdError for CommandError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.failure.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_the_environment_or_show_no_command() {
        let failed = || {
            CommandError::new(FailureKind::RemoteJob, "it failed")
                .hint(Hint::run("see what became of it", "bcops backups list"))
                .hint(Hint::run("see whether the dyno still runs", "heroku ps --app"))
                .hint("try again")
        };
        assert_eq!(
            failed().hint_texts(),
            ["see what became of it", "see whether the dyno still runs", "try again"]
        );
        let (name, app) = ("staging".to_owned(), "app-staging".to_owned());
        let named = failed().in_environment(&EnvironmentName { name, app });
        let expected = [
            "see what became of it: bcops backups list staging",
            "see whether the dyno still runs: heroku ps --app app-staging",
            "try again",
        ];
        assert_eq!(named.hint_texts(), expected);
        // The first environment stays.
        let other = EnvironmentName { name: "production".into(), app: "app-production".into() };
        assert_eq!(named.in_environment(&other).hint_texts(), expected);
    }

    #[test]
    fn causes_do_not_repeat_their_parent() {
        let cause = anyhow::anyhow!("connection refused").context("cannot reach the server");
        let error =
            CommandError::new(FailureKind::Unexpected, "cannot list backups").with_cause(cause);
        assert_eq!(error.to_string(), "cannot list backups");
        assert_eq!(error.causes(), ["cannot reach the server", "connection refused"]);
        let outer = CommandError::new(FailureKind::Partial, "the step failed").with_cause(error);
        assert_eq!(
            outer.causes(),
            ["cannot list backups", "cannot reach the server", "connection refused"]
        );
    }
}
