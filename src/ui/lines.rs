//! Progress without a terminal: plain lines, and a sign of life every fifteen seconds, so that no
//! CI runner thinks that the job is dead.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::Display;
use crate::events::{Event, Progress, Unit};
use crate::words;

/// Shorter than the fifteen seconds that are promised, as the thread only looks now and then.
const QUIET_FOR: Duration = Duration::from_secs(12);

pub struct Lines {
    state: Arc<Mutex<State>>,
}

struct State {
    last_line: Instant,
    started: Instant,
    running: BTreeMap<&'static str, Option<Progress>>,
}

impl Lines {
    /// Starts the thread that gives the signs of life. It ends when the display is dropped.
    pub fn start() -> Self {
        let now = Instant::now();
        let state =
            Arc::new(Mutex::new(State { last_line: now, started: now, running: BTreeMap::new() }));
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
        if state.last_line.elapsed() >= QUIET_FOR && !state.running.is_empty() {
            let elapsed = words::duration(state.started.elapsed());
            let steps: Vec<String> = state
                .running
                .iter()
                .map(|(step, progress)| match progress {
                    Some(progress) => format!("{step}: {}", describe(progress)),
                    None => (*step).to_owned(),
                })
                .collect();
            state.print(&format!("… {elapsed}: {}", steps.join("; ")));
        }
    }
}

impl State {
    fn print(&mut self, text: &str) {
        self.last_line = Instant::now();
        // Where stderr is closed nobody reads, and the work goes on.
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
        match event {
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

/// `--quiet`: warnings only.
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
