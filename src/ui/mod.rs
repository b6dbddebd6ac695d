//! The one owner of stdout and stderr.
//!
//! Results go to stdout; progress, prompts and messages to stderr. The rest of the program emits
//! events and asks questions through the traits that this module implements.
//!
//! Every text is cleaned here of what would act on a terminal, whoever wrote it: the one exception
//! is a dyno's own terminal, which is handed through as it is. JSON escapes such characters itself.

mod bars;
mod clean;
mod json;
mod keyboard;
mod lines;
pub mod log;
mod prompt;
mod raw_mode;

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

pub use json::Document;
pub use keyboard::Keyboard;
pub use prompt::{Answer, Prompter, TRIES, give_cursor_back, is_asking};

use crate::events::{Event, Reporter};
use crate::failure::CommandError;
use crate::plain_text::for_screen;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// How the user wants to be talked to.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub color: ColorChoice,
    pub json: bool,
    pub quiet: bool,
    /// How much more than usual is told.
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
    color: bool,
}

/// What fits the line that somebody types in a shell.
pub fn print_completions(answer: &[u8]) {
    // A shell that went away wants no completions.
    let _ = std::io::stdout().write_all(answer);
}

/// What a program on this terminal had no chance to undo: the other screen, a hidden cursor, the
/// mouse, bracketed paste, colours, keys for applications.
pub fn tidy_screen() {
    const TIDY: &str = "\x1b[?47l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[0m\x1b[?1l\x1b>\r\n";
    let mut screen = std::io::stdout();
    if screen.is_terminal() {
        // Nobody is left to tell if it does not work.
        let _ = screen.write_all(TIDY.as_bytes()).and_then(|()| screen.flush());
    }
}

/// Standard output as a file of bytes, for a result that is not text. Nothing is held back in a
/// buffer: what was written is out.
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
    /// Prints a line without disturbing what else is on the screen.
    fn line(&self, text: &str);
    /// Takes bars off the screen, for a prompt or the end.
    fn clear(&self);
}

impl Ui {
    pub fn new(options: Options) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let color = match options.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !dumb && !no_color,
        };
        console::set_colors_enabled_stderr(color);
        console::set_colors_enabled(color && std::io::stdout().is_terminal());
        let display: Box<dyn Display> = if options.quiet {
            Box::new(lines::Quiet)
        } else if terminal && !dumb {
            Box::new(bars::Bars::new())
        } else {
            Box::new(lines::Lines::start())
        };
        Ui {
            options,
            display,
            prompter: Prompter::new(options.no_input),
            warnings: Arc::default(),
            color,
        }
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
            self.display.line(&for_screen(text));
        }
    }

    /// What has to be read although nothing else is, for example before a question, on stderr, `--quiet` or not.
    pub fn question(&self, text: &str) {
        self.display.line(&for_screen(text));
    }

    /// The command's result for people, on stdout. Nothing is printed with `--json`.
    pub fn result(&self, text: &str) {
        self.display.clear();
        if !self.options.json && !text.is_empty() {
            // A reader that went away (`| head`) is no failure of the command.
            let _ = writeln!(std::io::stdout(), "{}", for_screen(text));
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

    /// An error in the shape of the contract: sentence, causes, hints.
    pub fn error(&self, error: &CommandError) {
        self.display.clear();
        let label = self.paint("error", |style| style.red().bold());
        let mut text = format!("{label}: {}\n", for_screen(&error.to_string()));
        for cause in error.causes() {
            text.push_str(&format!("  caused by: {}\n", for_screen(&cause)));
        }
        for hint in error.hint_texts() {
            let label = self.paint("hint", |style| style.cyan());
            text.push_str(&format!("{label}: {}\n", for_screen(&hint)));
        }
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    fn paint(&self, text: &str, style: impl Fn(console::Style) -> console::Style) -> String {
        let style = style(console::Style::new().for_stderr().force_styling(self.color));
        style.apply_to(text).to_string()
    }
}

/// Prints the document of a command that has no [`Ui`] yet, or none any more.
pub fn print_document(document: &Document, warnings: &[String]) {
    // A reader that went away is no failure of the command.
    let _ = writeln!(std::io::stdout(), "{}", document.render(warnings));
}

impl Reporter for Ui {
    fn emit(&self, event: Event) {
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
