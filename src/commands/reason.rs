//! Asks why personal data is needed. The reason goes on record.

use crate::cli::reason::parse;
use crate::commands::Context;
use crate::commands::confirm::no_terminal;
use crate::failure::{CommandError, FailureKind};
use crate::ui::Answer;

/// The flag that answers the question.
pub const FLAG: &str = "--i-need-personal-data REASON";

/// Fails before anything is done where the question could not be answered later.
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

/// The reason that was given with the flag, or that is typed now.
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
    no_terminal(&format!("{what}: this needs a reason")).hint(format!("to continue: {FLAG}"))
}

fn missing(what: &str) -> CommandError {
    let text = format!("{what}: this needs a reason, and no reason was given; nothing was changed");
    CommandError::new(FailureKind::NotConfirmed, text).hint(format!("to continue: {FLAG}"))
}
