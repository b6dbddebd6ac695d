//! `completions` and `man`: prints what is made from the command line's own definition.

mod install;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::{self, CompletionsArgs, ManArgs};
use crate::commands::{Context, Outcome};
use crate::failure::{CommandError, FailureKind};
use crate::words;

pub use install::Installed;

/// The script with which a shell completes command lines.
#[derive(Serialize, JsonSchema)]
pub struct Completions<'a> {
    /// For example `bash`.
    shell: String,
    /// The shell reads it.
    script: &'a str,
}

/// A manual page.
#[derive(Serialize, JsonSchema)]
pub struct ManualPage<'a> {
    /// As `man` reads it.
    page: &'a str,
}

pub fn completions(context: &Context, args: &CompletionsArgs) -> Result<Outcome, CommandError> {
    let Some(shell) = args.printed else { return install::run(context, args) };
    let text = text(cli::complete::registration(shell).map_err(no_completions)?);
    Ok(Outcome::done(Completions { shell: shell.to_string(), script: &text }, text.as_str()))
}

fn no_completions(error: std::io::Error) -> CommandError {
    CommandError::new(FailureKind::Usage, "cannot make the completions")
        .with_cause(error)
        .hint("bcops completions bash")
}

pub fn manual(context: &Context, args: &ManArgs) -> Result<Outcome, CommandError> {
    let page = cli::manual(&args.command, &environments(context)).map_err(|unknown| {
        let known = unknown.known.iter().map(String::as_str);
        let hint = words::did_you_mean(&unknown.name, known);
        CommandError::new(FailureKind::Usage, format!("there is no command {}", unknown.name))
            .hint(hint.unwrap_or_else(|| "bcops --help".to_owned()))
    })?;
    let page = page.map_err(|error| {
        CommandError::new(FailureKind::Unexpected, "cannot make the manual page").with_cause(error)
    })?;
    let text = text(page);
    Ok(Outcome::done(ManualPage { page: &text }, text.as_str()))
}

fn environments(context: &Context) -> Vec<String> {
    context.settings.environments.keys().cloned().collect()
}

/// Without the last line feed, which printing adds.
fn text(bytes: Vec<u8>) -> String {
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    text.truncate(text.trim_end().len());
    text
}
