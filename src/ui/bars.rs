//! Progress on a terminal: a line a step, and a bar with bytes, rate and time left for the long
//! ones.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Display;
use crate::events::{Event, Progress, Unit};

pub struct Bars {
    screen: MultiProgress,
    steps: Mutex<HashMap<&'static str, ProgressBar>>,
}

impl Bars {
    pub fn new() -> Self {
        Bars {
            screen: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)),
            steps: Mutex::default(),
        }
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
}

fn spinner_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn bar_style(progress: &Progress) -> ProgressStyle {
    let template = match (progress.unit, progress.total) {
        (Unit::Bytes, Some(_)) => {
            "{prefix} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta} left  {msg:32!}"
        }
        (Unit::Bytes, None) => {
            "{spinner} {prefix} {decimal_bytes} {decimal_bytes_per_sec}  {msg:32!}"
        }
        (Unit::Items, _) => "{prefix} {wide_bar} {human_pos}/{human_len}  {msg:32!}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Display for Bars {
    fn show(&self, event: &Event) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::StepStarted { step, description } => {
                let bar = self.screen.add(ProgressBar::new_spinner().with_style(spinner_style()));
                bar.set_message(description.clone());
                bar.set_prefix((*step).to_owned());
                bar.enable_steady_tick(Duration::from_millis(120));
                steps.insert(step, bar);
            }
            Event::StepProgress { step, progress } => {
                let Some(bar) = steps.get(step) else { return };
                if bar.position() == 0 || bar.length() != progress.total {
                    bar.set_style(bar_style(progress));
                    if let Some(total) = progress.total {
                        bar.set_length(total);
                    }
                }
                bar.set_position(progress.done);
                bar.set_message(progress.current.clone());
            }
            Event::StepFinished { step, summary } => {
                self.take_down(steps.remove(step));
                self.print(&format!("{} {summary}", console::style("✓").for_stderr().green()));
            }
            Event::StepSkipped { step, summary } => {
                self.take_down(steps.remove(step));
                self.print(&format!("{} {summary}", console::style("–").for_stderr().dim()));
            }
            Event::StepFailed { step, summary } => {
                self.take_down(steps.remove(step));
                self.print(&format!("{} {summary}", console::style("✗").for_stderr().red()));
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
        self.print(text);
    }

    fn clear(&self) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        // A screen that cannot be cleared is no reason to fail.
        let _ = self.screen.clear();
        for (_, bar) in steps.drain() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
            self.screen.remove(&bar);
        }
    }
}
