//! Asks a question until its answer can be used.

use crate::commands::Context;
use crate::failure::{CommandError, FailureKind};
use crate::ui::{Answer, TRIES};

/// The answer as `read` understands it. Otherwise the question comes again, with the reason.
///
/// # Errors
/// Where no usable answer comes. Nothing was changed then.
pub fn until_usable<T>(
    context: &Context,
    question: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, CommandError> {
    let prompter = context.ui.prompter();
    let mut reason = "not answered".to_owned();
    for _ in 0..TRIES {
        let answer = tokio::task::block_in_place(|| prompter.text(question));
        let Answer::Given(text) = answer else {
            let text = "not answered; nothing was changed";
            return Err(CommandError::new(FailureKind::NotConfirmed, text));
        };
        match read(&text) {
            Ok(value) => return Ok(value),
            Err(wrong) => reason = wrong,
        }
        context.ui.question(&format!("cannot use that answer: {reason}"));
    }
    Err(CommandError::new(FailureKind::NotConfirmed, format!("{reason}; nothing was changed")))
}
