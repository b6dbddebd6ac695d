//! Turns the records of a run into events for the screen.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::entry::{Consumer, Ending, Entry, Record};
use super::evidence::Evidence;
use super::list::Runbook;
use super::step_entry::StepEntry;
use crate::events::{Event, SharedReporter};
use crate::words;

/// Turns records into the events that all of bcops uses to show progress.
pub(super) struct Screen {
    reporter: SharedReporter,
    steps: BTreeMap<&'static str, String>,
    /// The position of each step among all steps, such as `[12/28]`.
    places: BTreeMap<&'static str, String>,
    began: Instant,
    /// How long the whole run is expected to take.
    expected: Option<Duration>,
}

impl Screen {
    pub(super) fn new<W>(
        reporter: SharedReporter,
        runbook: &Runbook<W>,
        expected: Option<Duration>,
    ) -> Self {
        let described = |step: &StepEntry<W>| (step.id, step.step.describe(runbook.world()));
        let steps = runbook.steps().iter().map(described).collect();
        let count = runbook.steps().len();
        let numbered = (1..).zip(runbook.steps());
        let places =
            numbered.map(|(number, step)| (step.id, format!("[{number}/{count}]"))).collect();
        Screen { reporter, steps, places, began: Instant::now(), expected }
    }

    fn place(&self, step: &str) -> &str {
        self.places.get(step).map_or("", String::as_str)
    }

    /// How long this process has been running, and the expected time. Empty within the first second.
    fn elapsed(&self) -> String {
        let elapsed = self.began.elapsed();
        match self.expected {
            _ if elapsed.as_secs() == 0 => String::new(),
            Some(expected) => {
                let (elapsed, expected) = (words::duration(elapsed), words::duration(expected));
                format!(" ({elapsed} of about {expected})")
            }
            None => format!(" ({} so far)", words::duration(elapsed)),
        }
    }

    fn event(&self, entry: &Entry) -> Option<Event> {
        let named = |id: &str| self.steps.get_key_value(id);
        Some(match entry {
            Entry::StepStarted { step, .. } => {
                let (step, description) = named(step)?;
                let (place, elapsed) = (self.place(step), self.elapsed());
                Event::StepStarted { step, description: format!("{place} {description}{elapsed}") }
            }
            Entry::StepFinished { step, ending, evidence, verified, .. } => {
                let (step, description) = named(step)?;
                let summary = summary(description, *ending, evidence, verified);
                Event::StepFinished { step, summary: format!("{} {summary}", self.place(step)) }
            }
            Entry::StepFailed { step, message, .. } => {
                let (step, description) = named(step)?;
                let summary = format!("{} {description}: {message}", self.place(step));
                Event::StepFailed { step, summary }
            }
            Entry::Skipped { step, reason, .. } | Entry::LeftOut { step, reason } => {
                let (step, description) = named(step)?;
                let summary = format!("{} {description}: {reason}", self.place(step));
                Event::StepSkipped { step, summary }
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
                Event::Note(format!("this continues by itself: {}", goes_on.join("; ")))
            }
            _ => return None,
        })
    }
}

fn summary(description: &str, ending: Ending, evidence: &Evidence, verified: &Evidence) -> String {
    let what = evidence.summary.as_deref().unwrap_or(description);
    let what = match ending {
        Ending::AlreadySo => format!("{what} (already so)"),
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
