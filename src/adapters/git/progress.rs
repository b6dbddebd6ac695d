//! Reads git's messages: progress, lines from the server, and the last lines, which become part of
//! an error.

use std::collections::VecDeque;

use super::words;
use crate::events::{Event, Progress, Reporter, Unit};

/// The most lines of a server that are shown. A build prints thousands.
const MOST_NOTES: usize = 10_000;
const LAST_LINES: usize = 30;
const LONGEST_LINE: usize = 8 << 10;

/// The reporter to inform, and the step to name.
#[derive(Clone, Copy)]
pub struct Listener<'a> {
    pub reporter: &'a dyn Reporter,
    pub step: &'static str,
}

/// Git's messages, as they arrive.
pub(super) struct Said<'a> {
    listener: Option<Listener<'a>>,
    line: Vec<u8>,
    last: VecDeque<String>,
    notes: usize,
}

impl<'a> Said<'a> {
    pub fn new(listener: Option<Listener<'a>>) -> Self {
        Said { listener, line: Vec::new(), last: VecDeque::new(), notes: 0 }
    }

    /// Takes the next bytes. Lines of progress end with carriage returns.
    pub fn hear(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' {
                self.end_line();
            } else if self.line.len() < LONGEST_LINE {
                self.line.push(byte);
            }
        }
    }

    pub fn finish(&mut self) {
        self.end_line();
    }

    /// The last lines, without progress.
    pub fn last_lines(&self) -> Vec<String> {
        self.last.iter().map(|line| words::clean(line)).collect()
    }

    fn end_line(&mut self) {
        let bytes = std::mem::take(&mut self.line);
        // Secrets are removed only from lines that are shown or kept, because a build can print
        // millions of lines.
        let line = String::from_utf8_lossy(&bytes).into_owned();
        if line.trim().is_empty() {
            return;
        }
        if let Some(Progress { current, done, total, unit }) = measure(&line) {
            let progress = Progress { current: words::clean(&current), done, total, unit };
            self.tell(|step| Event::StepProgress { step, progress });
            return;
        }
        if let Some(words) = line.strip_prefix("remote: ") {
            self.note(words);
        }
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    fn note(&mut self, said: &str) {
        self.notes += 1;
        if self.notes < MOST_NOTES {
            self.tell(|_| Event::Note(words::clean(said)));
        } else if self.notes == MOST_NOTES {
            self.tell(|_| {
                Event::Note("bcops does not show further lines from the server".to_owned())
            });
        }
    }

    fn tell(&self, event: impl FnOnce(&'static str) -> Event) {
        if let Some(listener) = &self.listener {
            listener.reporter.emit(event(listener.step));
        }
    }
}

/// Reads `Receiving objects:  45% (9/20), 1.2 MiB | 3 MiB/s`, also behind `remote: `.
fn measure(line: &str) -> Option<Progress> {
    let line = line.strip_prefix("remote: ").unwrap_or(line);
    let (current, rest) = line.split_once(':')?;
    let (percent, rest) = rest.trim_start().split_once("% (")?;
    percent.parse::<u8>().ok()?;
    let (done, rest) = rest.split_once('/')?;
    let (total, _) = rest.split_once(')')?;
    Some(Progress {
        done: done.parse().ok()?,
        total: Some(total.parse().ok()?),
        unit: Unit::Items,
        current: current.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::secret::Secret;

    #[derive(Default)]
    struct Events(Mutex<Vec<Event>>);

    impl Reporter for Events {
        fn emit(&self, event: Event) {
            self.0.lock().expect("no panic").push(event);
        }
    }

    #[test]
    fn progress_notes_and_last_lines_are_distinguished() {
        Secret::new("hush-1");
        let events = Events::default();
        let listener = Listener { reporter: &events, step: "fetch" };
        let mut said = Said::new(Some(listener));
        let text = "Receiving objects:  45% (9/20), 1 MiB\rremote: hello hush-1   \nfatal: n";
        // The bytes may be split anywhere.
        for byte in text.bytes() {
            said.hear(&[byte]);
        }
        said.hear(b"o\n\n");
        said.finish();
        assert_eq!(said.last_lines(), ["remote: hello [secret]", "fatal: no"]);
        let progress = Progress {
            done: 9,
            total: Some(20),
            unit: Unit::Items,
            current: "Receiving objects".to_owned(),
        };
        let expected = [
            Event::StepProgress { step: "fetch", progress },
            Event::Note("hello [secret]".to_owned()),
        ];
        assert_eq!(*events.0.lock().expect("no panic"), expected);
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut said = Said::new(None);
        for number in 0..1000 {
            said.hear(format!("line {number}\n").as_bytes());
        }
        assert_eq!(said.last_lines().len(), LAST_LINES);
        assert_eq!(said.last_lines().last().map(String::as_str), Some("line 999"));
    }
}
