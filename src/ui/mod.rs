//! Owns stdout and stderr: no other module prints.
//!
//! Results go to stdout; progress, prompts and messages to stderr. The rest of the program emits
//! events and asks questions through the traits that this module implements.
//!
//! Texts from every source are cleaned here of characters that would act on a terminal. The one
//! exception is a dyno's own terminal, which is passed through unchanged. JSON escapes such
//! characters itself.

mod bars;
mod clean;
mod json;
pub mod junit;
mod keyboard;
mod lines;
pub mod log;
mod notify;
mod paint;
mod prompt;
mod raw_mode;
pub mod table;
mod terminal;

use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

pub use json::Document;
pub use keyboard::Keyboard;
pub use prompt::{Answer, Prompter, TRIES, give_cursor_back, is_asking};
pub use terminal::Stream;

use self::paint::Paint;
use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::plain_text::for_screen;
use crate::settings::Notify;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// The flags that decide what is shown.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub color: ColorChoice,
    pub json: bool,
    pub quiet: bool,
    /// How often `-v` was given.
    pub verbose: u8,
    /// `--no-input`: never ask, even with a terminal.
    pub no_input: bool,
}

/// The screen.
pub struct Ui {
    options: Options,
    display: Box<dyn Display>,
    prompter: Prompter,
    warnings: Arc<Mutex<Vec<String>>>,
    results: Paint,
    messages: Paint,
    notify: Notify,
    began: Instant,
    /// What was shown as asked, so that each is shown once.
    asked: Mutex<HashSet<String>>,
}

/// Prints what needs no [`Ui`]: the answer for a shell that completes a line, and the short help.
pub fn print_bytes(answer: &[u8]) {
    // A closed pipe needs no answer.
    let _ = std::io::stdout().write_all(answer);
}

/// Undoes what a program on this terminal may have left: the other screen, a hidden cursor, the
/// mouse, bracketed paste, colours, keys for applications.
pub fn tidy_screen() {
    const TIDY: &str = "\x1b[?47l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[0m\x1b[?1l\x1b>\r\n";
    let mut screen = std::io::stdout();
    if screen.is_terminal() {
        // A terminal that went away needs no tidying.
        let _ = screen.write_all(TIDY.as_bytes()).and_then(|()| screen.flush());
    }
}

/// Standard output as a file of bytes, for a result that is not text. It has no buffer: what was
/// written is out.
pub fn raw_standard_output() -> std::io::Result<std::fs::File> {
    use std::os::fd::AsFd;
    Ok(std::io::stdout().as_fd().try_clone_to_owned()?.into())
}

/// Standard input as a file of bytes.
pub fn raw_standard_input() -> std::io::Result<std::fs::File> {
    use std::os::fd::AsFd;
    Ok(std::io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// A consumer of progress on stderr.
trait Display: Send + Sync {
    fn show(&self, event: &Event);
    /// Prints a line and keeps the bars below it.
    fn line(&self, text: &str);
    /// Takes bars off the screen, for a prompt or the end.
    fn clear(&self);
}

impl Ui {
    pub fn new(options: Options) -> Self {
        let results = Paint::of(Stream::Results, options.color);
        let messages = Paint::of(Stream::Messages, options.color);
        console::set_colors_enabled_stderr(messages.has_colors());
        console::set_colors_enabled(results.has_colors());
        let display: Box<dyn Display> = if options.quiet {
            Box::new(lines::Quiet)
        } else if Stream::Messages.is_terminal() && !console::is_dumb() {
            Box::new(bars::Bars::new())
        } else {
            Box::new(lines::Lines::start())
        };
        Ui {
            options,
            display,
            prompter: Prompter::new(options.no_input, messages.clone()),
            warnings: Arc::default(),
            results,
            messages,
            notify: Notify::Off,
            began: Instant::now(),
            asked: Mutex::default(),
        }
    }

    /// With what the configuration says of the screen: how to notify, and the names of protected
    /// environments and their apps.
    pub fn configured(mut self, notify: Notify, protected: Vec<String>) -> Self {
        self.messages = self.messages.clone().protecting(protected);
        self.prompter = Prompter::new(self.options.no_input, self.messages.clone());
        self.notify = notify;
        self
    }

    pub fn json(&self) -> bool {
        self.options.json
    }

    pub fn verbose(&self) -> bool {
        self.options.verbose > 0
    }

    /// Questions. Bars are taken off the screen first.
    pub fn prompter(&self) -> &Prompter {
        self.display.clear();
        &self.prompter
    }

    /// A message for the person, on stderr.
    pub fn message(&self, text: &str) {
        if !self.options.quiet {
            self.display.line(&self.messages.text(&for_screen(text)));
        }
    }

    /// A text that a person decides by, on stderr. It is printed with `--quiet` too.
    pub fn question(&self, text: &str) {
        self.display.line(&self.messages.decision(&for_screen(text)));
    }

    /// The command's result for people, on stdout. Nothing is printed with `--json`.
    pub fn result(&self, text: &str) {
        self.display.clear();
        if !self.options.json && !text.is_empty() {
            // A closed pipe (`| head`) is not a failure of the command.
            let _ = writeln!(std::io::stdout(), "{}", self.results.text(&for_screen(text)));
        }
    }

    /// The one JSON document of `--json`, on stdout.
    pub fn document(&self, document: &Document) {
        self.display.clear();
        print_document(document, &self.warnings());
    }

    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Prints an error in the form of the contract: sentence, causes, hints.
    pub fn error(&self, error: &CommandError) {
        self.display.clear();
        let label = self.messages.word("error", |style| style.red().bold());
        let mut text = format!("{label}: {}\n", for_screen(&error.to_string()));
        for cause in error.causes() {
            text.push_str(&format!("  caused by: {}\n", for_screen(&cause)));
        }
        for hint in error.hint_texts() {
            let label = self.messages.word("hint", |style| style.cyan());
            text.push_str(&format!("{label}: {}\n", self.messages.text(&for_screen(&hint))));
        }
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    /// Notifies at the end of a long run, where the configuration wants it.
    pub fn notify(&self, text: &str) {
        notify::notify(self.notify, self.began.elapsed(), text);
    }
}

/// Prints the document of a command whose [`Ui`] is not there yet, or is gone.
pub fn print_document(document: &Document, warnings: &[String]) {
    // A closed pipe is not a failure of the command.
    let _ = writeln!(std::io::stdout(), "{}", document.render(warnings));
}

impl Reporter for Ui {
    fn emit(&self, event: Event) {
        if let Event::Asking(text) = &event {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if !asked.insert(text.clone()) {
                return;
            }
        }
        if let Event::Warning(text) = &event {
            self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(text.clone());
        }
        self.display.show(&clean::event(event));
    }
}

impl Drop for Ui {
    fn drop(&mut self) {
        self.display.clear();
    }
}
