//! The screen as a consumer of a run's stream.

use std::collections::BTreeMap;

use super::book::Runbook;
use super::entry::{Consumer, Ending, Entry, Record};
use super::evidence::Evidence;
use crate::events::{Event, SharedReporter};

/// Turns records into the events that everything in bcops is shown by.
pub(super) struct Screen {
    reporter: SharedReporter,
    steps: BTreeMap<&'static str, String>,
}

impl Screen {
    pub(super) fn new(reporter: SharedReporter, book: &Runbook) -> Self {
        let steps = book.steps().iter().map(|step| (step.id(), step.describe())).collect();
        Screen { reporter, steps }
    }

    fn event(&self, entry: &Entry) -> Option<Event> {
        let named = |id: &str| self.steps.get_key_value(id);
        Some(match entry {
            Entry::StepStarted { step, .. } => {
                let (step, description) = named(step)?;
                Event::StepStarted { step, description: description.clone() }
            }
            Entry::StepFinished { step, ending, evidence, verified, .. } => {
                let (step, description) = named(step)?;
                let summary = summary(description, *ending, evidence, verified);
                Event::StepFinished { step, summary }
            }
            Entry::StepFailed { step, message, .. } => {
                let (step, description) = named(step)?;
                Event::StepFailed { step, summary: format!("{description}: {message}") }
            }
            Entry::Skipped { step, reason, .. } | Entry::LeftOut { step, reason } => {
                let (step, description) = named(step)?;
                Event::StepSkipped { step, summary: format!("{description}: {reason}") }
            }
            Entry::UndoStarted { step } => {
                let (step, description) = named(step)?;
                Event::StepStarted { step, description: format!("Putting back: {description}") }
            }
            Entry::StepUndone { step, evidence, .. } => {
                let (step, description) = named(step)?;
                let what = evidence.summary.as_deref().unwrap_or(description);
                Event::StepFinished { step, summary: format!("Put back: {what}") }
            }
            Entry::UndoFailed { step, message, .. } => {
                let (step, description) = named(step)?;
                let summary = format!("Not put back: {description}: {message}");
                Event::StepFailed { step, summary }
            }
            Entry::UndoSkipped { step, reason, .. } => {
                let (step, description) = named(step)?;
                let summary = format!("Not put back: {description}: {reason}");
                Event::StepSkipped { step, summary }
            }
            Entry::Interrupted { goes_on, .. } if !goes_on.is_empty() => {
                Event::Note(format!("this goes on by itself: {}", goes_on.join("; ")))
            }
            _ => return None,
        })
    }
}

fn summary(description: &str, ending: Ending, evidence: &Evidence, verified: &Evidence) -> String {
    let what = evidence.summary.as_deref().unwrap_or(description);
    let what = match ending {
        Ending::AlreadySo => format!("{what} (it was already so)"),
        Ending::Done | Ending::Warning => what.to_owned(),
    };
    match &verified.summary {
        Some(proof) => format!("{what}; {proof}"),
        None => what,
    }
}

impl Consumer for Screen {
    fn take(&self, record: &Record) {
        if let Some(event) = self.event(&record.entry) {
            self.reporter.emit(event);
        }
    }
}
