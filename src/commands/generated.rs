//! `completions` and `man`: texts that are made from the command line's own definition.

use serde_json::json;

use crate::cli::{self, CompletionsArgs, ManArgs};
use crate::commands::{Context, Outcome};
use crate::failure::{CommandError, FailureKind};

pub fn completions(args: &CompletionsArgs) -> Result<Outcome, CommandError> {
    let script = cli::complete::registration(args.shell).map_err(|error| {
        CommandError::new(FailureKind::Unexpected, "the completions cannot be written")
            .with_cause(error)
    })?;
    let text = text(script);
    Ok(Outcome::done(json!({ "shell": args.shell.to_string(), "script": text }), text))
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
    Ok(Outcome::done(json!({ "page": text }), text))
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
