//! Confirms what destroys something: the user types the destination's name, or gives `--confirm`.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::commands::Context;
use crate::failure::{CommandError, FailureKind};
use crate::ui::Answer;
use crate::words::shell_word;

/// Refuses a `--confirm` for a name that will not be asked for: the user means another destination
/// than this command.
pub fn check_names(confirmed: &[String], asked: &[Option<&str>]) -> Result<(), CommandError> {
    let is_asked = |given: &String| asked.iter().flatten().any(|name| name == given);
    let Some(given) = confirmed.iter().find(|given| !is_asked(given)) else { return Ok(()) };
    let names: Vec<&str> = asked.iter().copied().flatten().collect();
    Err(CommandError::new(
        FailureKind::NotConfirmed,
        format!("--confirm {given} does not match {}; nothing was changed", names.join(" or ")),
    )
    .hint("see what would be changed: add --dry-run"))
}

/// Fails before any work where a later question could not be answered.
pub fn check_can_be_asked(
    context: &Context,
    name: &str,
    confirmed: &[String],
) -> Result<(), CommandError> {
    if confirmed.iter().any(|given| given == name) || context.ui.prompter().can_ask() {
        return Ok(());
    }
    Err(cannot_ask(name))
}

fn cannot_ask(name: &str) -> CommandError {
    no_terminal(&format!("this needs a confirmation for {name}"))
        .hint(format!("confirm without a terminal: --confirm {}", shell_word(name)))
}

/// A question has to be asked, and there is no terminal.
pub fn no_terminal(what: &str) -> CommandError {
    let text = format!("{what}, and there is no terminal to ask on; nothing was changed");
    CommandError::new(FailureKind::NotConfirmed, text)
}

/// Asks for `name` unless one of the `--confirm` values is exactly it.
pub fn type_name(context: &Context, name: &str, confirmed: &[String]) -> Result<(), CommandError> {
    print_origins(context);
    if confirmed.iter().any(|given| given == name) {
        return Ok(());
    }
    let prompter = context.ui.prompter();
    match tokio::task::block_in_place(|| prompter.type_name(name)) {
        Answer::Given(()) => Ok(()),
        Answer::Declined => {
            Err(CommandError::new(FailureKind::NotConfirmed, "not confirmed; nothing was changed"))
        }
        Answer::CannotAsk => Err(cannot_ask(name)),
    }
}

/// Prints once which configuration and manifest are in force, unless they are built in: the work to
/// confirm depends on them.
pub fn print_origins(context: &Context) {
    static PRINTED: AtomicBool = AtomicBool::new(false);
    if PRINTED.swap(true, Ordering::SeqCst) {
        return;
    }
    let settings = &context.settings;
    let mut lines: Vec<String> = Vec::new();
    for file in &settings.files {
        lines.push(format!("Configuration: {} ({})", file.path.display(), file.trust));
    }
    if let Some(manifest) = &settings.scrub_manifest {
        lines.push(format!("Manifest: {} ({})", manifest.path.display(), manifest.origin));
    }
    if !lines.is_empty() {
        context.ui.question(&lines.join("\n"));
    }
}

/// A yes-or-no question that a flag can answer.
pub fn yes(context: &Context, question: &str, flag: &str) -> Result<(), CommandError> {
    print_origins(context);
    yes_alone(context, question, flag)
}

/// The same, for a question that does not depend on the configuration.
pub fn yes_alone(context: &Context, question: &str, flag: &str) -> Result<(), CommandError> {
    let prompter = context.ui.prompter();
    match tokio::task::block_in_place(|| prompter.yes(question)) {
        Answer::Given(()) => Ok(()),
        Answer::Declined => {
            Err(CommandError::new(FailureKind::NotConfirmed, "declined; nothing was changed"))
        }
        Answer::CannotAsk => Err(no_terminal(&format!("{question} No answer was given"))
            .hint(format!("answer without a terminal: {flag}"))),
    }
}
