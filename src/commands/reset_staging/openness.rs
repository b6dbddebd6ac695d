//! A staging that is closed before the run, and what starts dynos by itself: what the plan says of
//! them, and the question whether the run opens staging at its end.

use std::fmt::{self, Write};

use crate::commands::Context;
use crate::failure::CommandError;
use crate::reset::{Choices, OpenAtEnd, Reset};

use super::answers::Wishes;
use super::ask::until_usable;
use super::look::Seen;

const QUARANTINE: &str = "quarantine";

/// Whether a person has to say what becomes of a closed staging.
pub fn is_asked(wishes: &Wishes, seen: &Seen) -> bool {
    // Without the quarantine the run ends none.
    let closed = seen.closed.as_ref().filter(|_| wishes.runs(QUARANTINE));
    closed.is_some_and(|closed| closed.opens(wishes.open).is_none())
}

/// The answer. Nothing is asked of an open staging, or of one that an earlier run left closed.
pub fn decide(
    context: &Context,
    wishes: &Wishes,
    seen: &Seen,
    asks: bool,
) -> Result<Option<OpenAtEnd>, CommandError> {
    let Some(closed) = seen.closed.as_ref().filter(|_| asks && is_asked(wishes, seen)) else {
        return Ok(wishes.open);
    };
    let (name, how) = (wishes.destination(), closed.in_words());
    let question = format!("{name} is {how} now; open it at the end? (yes or no)");
    let read = |text: &str| match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "y" => Ok(Some(OpenAtEnd::Yes)),
        "no" | "n" => Ok(Some(OpenAtEnd::No)),
        _ => Err("write yes or no".to_owned()),
    };
    until_usable(context, &question, read).map_err(|error| error.hint("--open yes|no"))
}

/// The lines of the plan.
pub fn write(text: &mut String, world: &Reset, seen: &Seen) -> fmt::Result {
    let choices = &world.choices;
    if choices.leaves_out(QUARANTINE) {
        return Ok(());
    }
    if let Some(closed) = &seen.closed {
        let name = &world.destination.name;
        let because = match &closed.left_by {
            Some(run) => format!(", because run {run} stopped"),
            None => String::new(),
        };
        writeln!(text, "now   {name} is {}{because}", closed.in_words())?;
        match closed.opens(choices.open) {
            Some(true) => {
                writeln!(text, "      it is opened at the end with {}", closed.opens_with)?;
            }
            Some(false) => writeln!(text, "      it stays closed at the end (--open no)")?,
            None => writeln!(text, "      open it at the end? {}", answers(choices))?,
        }
    }
    for line in seen.starters.lines() {
        writeln!(text, "dynos {line}")?;
    }
    Ok(())
}

fn answers(choices: &Choices) -> &'static str {
    match choices.open {
        None => "(--open yes|no)",
        Some(OpenAtEnd::Yes) => "yes",
        Some(OpenAtEnd::No) => "no",
    }
}
