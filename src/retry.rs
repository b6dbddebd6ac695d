//! Decides whether a program can repeat a command that failed.

use schemars::JsonSchema;
use serde::Serialize;

use crate::failure::FailureKind;

/// What a program does after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// Repeat the same command, perhaps later.
    Safe,
    /// Repeat the command after a person has fixed what the message names. It fails again before that.
    AfterFixing,
    /// Something may have changed, or may still be at work. Do not repeat the command before a person has
    /// read the message and its hints.
    LookFirst,
}

/// Commands that end in the same place however often they run: they only read, or replace a whole on this
/// machine, or continue where they stopped.
pub const REPEATABLE: [&str; 14] = [
    "addons",
    "check",
    "completions",
    "config",
    "doctor",
    "man",
    "manifest",
    "password",
    "pull-data",
    "pull-media",
    "purge-cache",
    "push-media",
    "scrub-pii",
    // A command line that names no command.
    "",
];

/// Commands of runs. A run that changed something says so itself:
/// [`CommandError::look_first`](crate::failure::CommandError::look_first).
pub const OF_RUNS: [&str; 2] = ["reset-staging", "runs"];

impl Retry {
    /// `command` is the command's own name, as in `--json`.
    pub fn after(kind: FailureKind, command: &str) -> Retry {
        match kind {
            FailureKind::Usage
            | FailureKind::Refused
            | FailureKind::NotConfirmed
            | FailureKind::StalePlan => Retry::AfterFixing,
            FailureKind::Locked => Retry::Safe,
            // A login can also end while a dyno is at work.
            FailureKind::Configuration | FailureKind::PersonalData => {
                match REPEATABLE.contains(&command) || OF_RUNS.contains(&command) {
                    true => Retry::AfterFixing,
                    false => Retry::LookFirst,
                }
            }
            FailureKind::Unexpected
            | FailureKind::RemoteJob
            | FailureKind::Partial
            | FailureKind::Interrupted => match REPEATABLE.contains(&command) {
                true => Retry::Safe,
                false => Retry::LookFirst,
            },
        }
    }
}
