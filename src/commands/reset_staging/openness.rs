//! Asks whether the run opens a staging that was closed before, and prints that part of the plan,
//! with the add-ons that start dynos by themselves.

use std::fmt::{self, Write};

use crate::commands::Context;
use crate::failure::CommandError;
use crate::reset::{OpenAtEnd, Reset, Stage, Survey};

use super::answers::Given;
use super::ask::until_usable;

/// Whether a person must decide if the run opens a closed staging.
pub fn is_asked(given: &Given, survey: &Survey) -> bool {
    // Without the quarantine the run does not open staging.
    let closed = survey.closed.as_ref().filter(|_| given.options.runs(Stage::Quarantine));
    closed.is_some_and(|closed| closed.opens(given.options.open).is_none())
}

/// The answer. There is no question where staging is open, or an earlier run closed it.
pub fn decide(
    context: &Context,
    given: &Given,
    survey: &Survey,
    asks: bool,
) -> Result<Option<OpenAtEnd>, CommandError> {
    let Some(closed) = survey.closed.as_ref().filter(|_| asks && is_asked(given, survey)) else {
        return Ok(given.options.open);
    };
    let (name, how) = (&given.options.destination, closed.in_words());
    let question = format!("{name} is {how} now; open it at the end? (yes or no)");
    let read = |text: &str| match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "y" => Ok(Some(OpenAtEnd::Yes)),
        "no" | "n" => Ok(Some(OpenAtEnd::No)),
        _ => Err("write yes or no".to_owned()),
    };
    until_usable(context, &question, read).map_err(|error| error.hint("--open yes|no"))
}

/// The lines of the plan.
pub fn write(text: &mut String, world: &Reset, survey: &Survey) -> fmt::Result {
    let answers = &world.answers;
    if answers.leaves_out(Stage::Quarantine) {
        return Ok(());
    }
    if let Some(closed) = &survey.closed {
        let name = &world.destination.name;
        let because = match &closed.left_by {
            Some(run) => format!(", because run {run} stopped"),
            None => String::new(),
        };
        writeln!(text, "now   {name} is {}{because}", closed.in_words())?;
        match closed.opens(answers.open) {
            Some(true) => {
                writeln!(text, "      the run opens it at the end with {}", closed.opens_with)?;
            }
            Some(false) => writeln!(text, "      it stays closed at the end (--open no)")?,
            None => writeln!(text, "      open it at the end? (--open yes|no)")?,
        }
    }
    for line in survey.starters.lines() {
        writeln!(text, "dynos {line}")?;
    }
    Ok(())
}
