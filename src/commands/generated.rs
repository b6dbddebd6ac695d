//! `completions` and `man`: texts that are made from the command line's own definition.

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::{self, CompletionsArgs, ManArgs};
use crate::commands::{Context, Outcome};
use crate::failure::{CommandError, FailureKind};

/// What a shell reads to complete command lines.
#[derive(Serialize, JsonSchema)]
pub struct Completions<'a> {
    /// For example `bash`.
    shell: String,
    /// What the shell is to read.
    script: &'a str,
}

/// A manual page.
#[derive(Serialize, JsonSchema)]
pub struct ManualPage<'a> {
    /// As `man` reads it.
    page: &'a str,
}

pub fn completions(args: &CompletionsArgs) -> Result<Outcome, CommandError> {
    let script = cli::complete::registration(args.shell).map_err(|error| {
        CommandError::new(FailureKind::Unexpected, "the completions cannot be written")
            .with_cause(error)
    })?;
    let text = text(script);
    Ok(Outcome::done(Completions { shell: args.shell.to_string(), script: &text }, text.as_str()))
}

pub fn manual(context: &Context, args: &ManArgs) -> Result<Outcome, CommandError> {
    let page = cli::manual(args.command.as_deref(), &environments(context)).ok_or_else(|| {
        let name = args.command.as_deref().unwrap_or_default();
        CommandError::new(FailureKind::Usage, format!("there is no command {name}"))
            .hint("bcops --help")
    })?;
    let page = page.map_err(|error| {
        CommandError::new(FailureKind::Unexpected, "the manual page cannot be written")
            .with_cause(error)
    })?;
    let text = text(page);
    Ok(Outcome::done(ManualPage { page: &text }, text.as_str()))
}

fn environments(context: &Context) -> Vec<String> {
    context.settings.environments.keys().cloned().collect()
}

/// The line feed at its end is added by whoever prints it.
fn text(bytes: Vec<u8>) -> String {
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    text.truncate(text.trim_end().len());
    text
}
