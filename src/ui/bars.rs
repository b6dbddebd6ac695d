//! Shows progress on a terminal: a line for each step, and a bar for what is counted.
//!
//! Every line that moves is short, however wide the terminal is. A terminal that is made narrower
//! breaks a longer line into two rows, and the first of them would stay on the screen.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Display;
use super::terminal::Stream;
use crate::events::{Event, Progress, Unit};

/// Below this width, lines are shorter still.
const NARROW: u16 = 64;
/// A terminal that does not report its width.
const USUAL: u16 = 80;

pub struct Bars {
    screen: MultiProgress,
    steps: Mutex<Steps>,
}

#[derive(Default)]
struct Steps {
    running: HashMap<&'static str, Bar>,
    /// What is asked of a server, until the next event.
    asking: Option<ProgressBar>,
}

struct Bar {
    bar: ProgressBar,
    /// The template in use: it depends on the width, which changes.
    template: &'static str,
}

impl Bars {
    pub fn new() -> Self {
        Bars {
            screen: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)),
            steps: Mutex::default(),
        }
    }

    fn spinner(&self, text: &str) -> ProgressBar {
        let template = if is_narrow() { NARROW_SPINNER } else { SPINNER };
        let bar = self.screen.add(ProgressBar::new_spinner().with_style(style(template)));
        bar.set_message(text.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    fn take_down(&self, bar: Option<ProgressBar>) {
        if let Some(bar) = bar {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
    }

    fn print(&self, text: &str) {
        // Not `println` of the screen: it ends its lines with blanks up to the width that it knows.
        self.screen.suspend(|| _ = console::Term::stderr().write_line(text));
    }

    fn end(&self, bar: Option<Bar>, symbol: console::StyledObject<&str>, summary: &str) {
        self.take_down(bar.map(|bar| bar.bar));
        self.print(&format!("{symbol} {summary}"));
    }
}

const SPINNER: &str = "{spinner} {msg:50!} {elapsed}";
const NARROW_SPINNER: &str = "{spinner} {msg:38!} {elapsed}";

fn is_narrow() -> bool {
    Stream::Messages.width().unwrap_or(USUAL) < NARROW
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// The parts of a bar that fit the width.
fn template(progress: &Progress, is_narrow: bool) -> &'static str {
    match (progress.unit, progress.total, is_narrow) {
        (Unit::Bytes, Some(_), false) => {
            "{prefix} {bar:14} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta} left"
        }
        (Unit::Bytes, Some(_), true) => {
            "{prefix} {bar:8} {decimal_bytes}/{decimal_total_bytes} {eta} left"
        }
        (Unit::Bytes, None, false) => {
            "{spinner} {prefix} {decimal_bytes} {decimal_bytes_per_sec} {msg:20!}"
        }
        (Unit::Bytes, None, true) => "{spinner} {prefix} {decimal_bytes} {decimal_bytes_per_sec}",
        (Unit::Items, _, false) => "{prefix} {bar:14} {human_pos}/{human_len} {msg:20!}",
        (Unit::Items, _, true) => "{prefix} {bar:14} {human_pos}/{human_len}",
    }
}

impl Display for Bars {
    fn show(&self, event: &Event) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(event, Event::StepProgress { .. }) {
            self.take_down(steps.asking.take());
        }
        match event {
            Event::Asking(text) => steps.asking = Some(self.spinner(&format!("{text}…"))),
            Event::StepStarted { step, description } => {
                let bar = self.spinner(description);
                bar.set_prefix((*step).to_owned());
                let replaced = steps.running.insert(step, Bar { bar, template: SPINNER });
                self.take_down(replaced.map(|bar| bar.bar));
            }
            Event::StepProgress { step, progress } => {
                let Some(Bar { bar, template: used }) = steps.running.get_mut(step) else { return };
                let now = template(progress, is_narrow());
                if *used != now {
                    bar.set_style(style(now));
                    *used = now;
                }
                if let Some(total) = progress.total.filter(|_| bar.length() != progress.total) {
                    bar.set_length(total);
                }
                bar.set_position(progress.done);
                bar.set_message(progress.current.clone());
            }
            Event::StepFinished { step, summary } => {
                let symbol = console::style("✓").for_stderr().green();
                self.end(steps.running.remove(step), symbol, summary);
            }
            Event::StepSkipped { step, summary } => {
                let symbol = console::style("–").for_stderr().dim();
                self.end(steps.running.remove(step), symbol, summary);
            }
            Event::StepFailed { step, summary } => {
                let symbol = console::style("✗").for_stderr().red();
                self.end(steps.running.remove(step), symbol, summary);
            }
            Event::Note(text) => {
                self.print(&format!("{} {text}", console::style("note:").for_stderr().dim()));
            }
            Event::Warning(text) => {
                self.print(&format!("{} {text}", console::style("warning:").for_stderr().yellow()));
            }
        }
    }

    fn line(&self, text: &str) {
        let asking = self.steps.lock().unwrap_or_else(PoisonError::into_inner).asking.take();
        self.take_down(asking);
        self.print(text);
    }

    fn clear(&self) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        self.take_down(steps.asking.take());
        // A screen that cannot be cleared is no reason to fail.
        let _ = self.screen.clear();
        for (_, Bar { bar, .. }) in steps.running.drain() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
            self.screen.remove(&bar);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_fewer_parts_on_a_narrow_terminal() {
        let progress =
            Progress { done: 1, total: Some(2), unit: Unit::Bytes, current: String::new() };
        assert!(template(&progress, false).contains("per_sec"));
        assert!(!template(&progress, true).contains("per_sec"));
    }
}
