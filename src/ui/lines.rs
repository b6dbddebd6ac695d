//! Prints progress without a terminal: plain lines, and at least one every fifteen seconds, so that
//! no CI runner ends the job because it is silent.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::Display;
use crate::events::{Event, Progress, Unit};
use crate::words;

/// Shorter than the promised fifteen seconds, because the thread looks once a second.
const QUIET_FOR: Duration = Duration::from_secs(12);

pub struct Lines {
    state: Arc<Mutex<State>>,
}

struct State {
    last_line: Instant,
    started: Instant,
    running: BTreeMap<&'static str, Option<Progress>>,
    /// What is asked of a server, until the next event.
    asking: Option<String>,
}

impl Lines {
    /// Starts the thread that prints when nothing else does. It ends when the display is dropped.
    pub fn start() -> Self {
        let now = Instant::now();
        let (running, asking) = (BTreeMap::new(), None);
        let state = State { last_line: now, started: now, running, asking };
        let state = Arc::new(Mutex::new(state));
        let weak = Arc::downgrade(&state);
        std::thread::spawn(move || heartbeat(&weak));
        Lines { state }
    }
}

fn heartbeat(state: &Weak<Mutex<State>>) {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let Some(state) = state.upgrade() else { return };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last_line.elapsed() < QUIET_FOR {
            continue;
        }
        let elapsed = words::duration(state.started.elapsed());
        let steps = state.running.iter().map(|(step, progress)| match progress {
            Some(progress) => format!("{step}: {}", describe(progress)),
            None => (*step).to_owned(),
        });
        let steps: Vec<String> = steps.chain(state.asking.clone()).collect();
        if !steps.is_empty() {
            state.print(&format!("… {elapsed}: {}", steps.join("; ")));
        }
    }
}

impl State {
    fn print(&mut self, text: &str) {
        self.last_line = Instant::now();
        // A closed stderr does not stop the work.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

pub fn describe(progress: &Progress) -> String {
    let number = |value| match progress.unit {
        Unit::Bytes => words::bytes(value),
        Unit::Items => words::count(value),
    };
    let mut text = match progress.total {
        Some(total) => format!("{} of {}", number(progress.done), number(total)),
        None => number(progress.done),
    };
    if !progress.current.is_empty() {
        text.push_str(", ");
        text.push_str(&progress.current);
    }
    text
}

impl Display for Lines {
    fn show(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(event, Event::StepProgress { .. }) {
            state.asking = None;
        }
        match event {
            Event::Asking(text) => {
                state.print(&format!("{text}…"));
                state.asking = Some(text.clone());
            }
            Event::StepStarted { step, description } => {
                state.running.insert(step, None);
                state.print(description);
            }
            Event::StepProgress { step, progress } => {
                state.running.insert(step, Some(progress.clone()));
            }
            Event::StepFinished { step, summary } => {
                state.running.remove(step);
                state.print(summary);
            }
            Event::StepSkipped { step, summary } => {
                state.running.remove(step);
                state.print(&format!("skipped: {summary}"));
            }
            Event::StepFailed { step, summary } => {
                state.running.remove(step);
                state.print(&format!("failed: {summary}"));
            }
            Event::Note(text) => state.print(&format!("note: {text}")),
            Event::Warning(text) => state.print(&format!("warning: {text}")),
        }
    }

    fn line(&self, text: &str) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).print(text);
    }

    fn clear(&self) {}
}

/// `--quiet`: warnings, errors and questions only.
pub struct Quiet;

impl Display for Quiet {
    fn show(&self, event: &Event) {
        if let Event::Warning(text) = event {
            let _ = writeln!(std::io::stderr(), "warning: {text}");
        }
    }

    fn line(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    fn clear(&self) {}
}
