//! Asks why personal data is needed, and gives the reason to the journal.

use crate::cli::reason::parse;
use crate::commands::Context;
use crate::commands::confirm::no_terminal;
use crate::failure::{CommandError, FailureKind};
use crate::ui::Answer;

/// The flag that answers the question.
pub const FLAG: &str = "--i-need-personal-data REASON";

/// Fails before any work where a later question could not be answered.
pub fn check_can_be_asked(
    context: &Context,
    what: &str,
    given: Option<&str>,
) -> Result<(), CommandError> {
    match given.is_some() || context.ui.prompter().can_ask() {
        true => Ok(()),
        false => Err(cannot_ask(what)),
    }
}

/// The reason from the flag, or from the question.
pub fn ask(context: &Context, what: &str, given: Option<&str>) -> Result<String, CommandError> {
    if let Some(reason) = given {
        return Ok(reason.to_owned());
    }
    let prompter = context.ui.prompter();
    let question = format!("{what}. Why do you need personal data");
    match tokio::task::block_in_place(|| prompter.text(&question)) {
        Answer::Given(text) => parse(&text).map_err(|_| missing(what)),
        Answer::Declined => Err(missing(what)),
        Answer::CannotAsk => Err(cannot_ask(what)),
    }
}

fn cannot_ask(what: &str) -> CommandError {
    no_terminal(&format!("{what}: this needs a reason")).hint(format!("give a reason: {FLAG}"))
}

fn missing(what: &str) -> CommandError {
    let text = format!("{what}: this needs a reason, and none was given; nothing was changed");
    CommandError::new(FailureKind::NotConfirmed, text).hint(format!("give a reason: {FLAG}"))
}
