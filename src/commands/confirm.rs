//! Confirmation of what destroys something: by typing the destination's name, or by `--confirm`.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::commands::Context;
use crate::failure::{CommandError, FailureKind};
use crate::ui::Answer;
use crate::words::shell_word;

/// Refuses a `--confirm` for something that will not be asked: whoever wrote it has another
/// destination in mind than this command.
pub fn check_names(confirmed: &[String], asked: &[Option<&str>]) -> Result<(), CommandError> {
    let is_asked = |given: &String| asked.iter().flatten().any(|name| name == given);
    let Some(given) = confirmed.iter().find(|given| !is_asked(given)) else { return Ok(()) };
    let names: Vec<&str> = asked.iter().copied().flatten().collect();
    Err(CommandError::new(
        FailureKind::NotConfirmed,
        format!("--confirm {given} does not match {}; nothing was changed", names.join(" or ")),
    )
    .hint("look with --dry-run at what would be changed, then give its name"))
}

/// Fails before anything is done where the question could not be answered later.
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
        .hint(format!("to go on: --confirm {}", shell_word(name)))
}

/// Something has to be asked, and nobody can be.
pub fn no_terminal(what: &str) -> CommandError {
    let text = format!("{what} and there is no terminal to ask on; nothing was changed");
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

/// Prints once where the configuration and the manifest come from, where they are not built in:
/// what is about to be confirmed depends on them.
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

/// The same, for what does not depend on the configuration.
pub fn yes_alone(context: &Context, question: &str, flag: &str) -> Result<(), CommandError> {
    let prompter = context.ui.prompter();
    match tokio::task::block_in_place(|| prompter.yes(question)) {
        Answer::Given(()) => Ok(()),
        Answer::Declined => {
            Err(CommandError::new(FailureKind::NotConfirmed, "declined; nothing was changed"))
        }
        Answer::CannotAsk => Err(no_terminal(&format!("{question} No answer was given"))
            .hint(format!("to go on: {flag}"))),
    }
}
