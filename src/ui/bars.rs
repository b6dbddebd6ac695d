//! Shows progress on a terminal: a line for each step, and a bar for what is counted.
//!
//! Every line that moves is cut to the terminal's width when it is drawn. A longer one would take two
//! rows, and a terminal that is resized would keep the second.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Display;
use super::terminal::Stream;
use crate::events::{Event, Progress, Unit};

/// From this width on, a bar has room for what is in hand.
const WIDE: u16 = 100;
/// Below this width, a bar has no room for its rate.
const NARROW: u16 = 70;
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
        let bar = self.screen.add(ProgressBar::new_spinner().with_style(style(SPINNER)));
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
        // Without a visible bar `println` would drop the text.
        if self.screen.println(text).is_err() || self.screen.is_hidden() {
            let _ = console::Term::stderr().write_line(text);
        }
    }

    fn end(&self, bar: Option<Bar>, symbol: console::StyledObject<&str>, summary: &str) {
        self.take_down(bar.map(|bar| bar.bar));
        self.print(&format!("{symbol} {summary}"));
    }
}

const SPINNER: &str = "{spinner} {wide_msg} {elapsed}";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// The parts of a bar that fit the width.
fn template(progress: &Progress, width: u16) -> &'static str {
    match (progress.unit, progress.total) {
        (Unit::Bytes, Some(_)) if width >= WIDE => {
            "{prefix} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta} left  {msg:32!}"
        }
        (Unit::Bytes, Some(_)) if width >= NARROW => {
            "{prefix} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta} left"
        }
        (Unit::Bytes, Some(_)) => {
            "{prefix} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {eta} left"
        }
        (Unit::Bytes, None) => {
            "{spinner} {prefix} {decimal_bytes} {decimal_bytes_per_sec}  {wide_msg}"
        }
        (Unit::Items, _) if width >= NARROW => {
            "{prefix} {wide_bar} {human_pos}/{human_len}  {msg:32!}"
        }
        (Unit::Items, _) => "{prefix} {wide_bar} {human_pos}/{human_len}",
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
                let now = template(progress, Stream::Messages.width().unwrap_or(USUAL));
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
        assert!(template(&progress, 120).contains("{msg"));
        assert!(!template(&progress, 80).contains("{msg"));
        assert!(!template(&progress, 50).contains("per_sec"));
    }
}
