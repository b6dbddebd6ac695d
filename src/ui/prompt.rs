//! Asks questions. There is no default answer: an unanswered question is a no.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::paint::Paint;
use crate::plain_text::for_screen;
use crate::secret::Secret;
use crate::words::edit_distance;

/// How a question ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<T> {
    Given(T),
    /// The user said no, typed something else, or ended the input.
    Declined,
    /// There is no terminal to ask on, or `--no-input` was given.
    CannotAsk,
}

/// How many lines of a list to pick from are shown at once.
const MOST_LINES: usize = 15;

/// How often a question is asked again when its answer cannot be used.
pub const TRIES: usize = 3;
/// Far longer than a signal takes to the task that waits for it.
const UNTIL_THE_SIGNAL: Duration = Duration::from_secs(10);

/// Whether this may be a mistyped `name`: blanks around it, capitals, or a wrong letter or two.
/// Another name is not a slip, because it may be meant.
fn is_slip(typed: &str, name: &str) -> bool {
    let typed = typed.trim().to_lowercase();
    if matches!(typed.as_str(), "" | "n" | "no" | "y" | "yes") {
        return false;
    }
    let allowed = if name.chars().count() < 8 { 1 } else { 2 };
    edit_distance(&typed, &name.to_lowercase()) <= allowed
}

pub struct Prompter {
    no_input: bool,
    paint: Paint,
}

/// Whether a question is on the screen, so that Ctrl-C can give the cursor back and end at once.
static ASKING: AtomicBool = AtomicBool::new(false);

struct Asking;

/// The terminal's settings before the question: asking for a password turns the echo off.
static TERMINAL: Mutex<Option<libc::termios>> = Mutex::new(None);

impl Asking {
    fn begin() -> Self {
        let mut settings = std::mem::MaybeUninit::<libc::termios>::uninit();
        // SAFETY: the pointer is valid, and the value is only used where the call has filled it.
        let saved = unsafe {
            (libc::tcgetattr(libc::STDIN_FILENO, settings.as_mut_ptr()) == 0)
                .then(|| settings.assume_init())
        };
        *TERMINAL.lock().unwrap_or_else(PoisonError::into_inner) = saved;
        ASKING.store(true, Ordering::SeqCst);
        Asking
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        ASKING.store(false, Ordering::SeqCst);
    }
}

/// Whether the program waits for an answer at this moment.
pub fn is_asking() -> bool {
    ASKING.load(Ordering::SeqCst)
}

/// Restores the terminal: ends raw mode, shows the cursor, turns the echo on and ends the line that
/// Ctrl-C began.
pub fn give_cursor_back() {
    super::raw_mode::give_back();
    if let Some(settings) = TERMINAL.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
        // SAFETY: the settings are those that the system itself gave. A failure leaves the
        // terminal as it is, and cannot be reported.
        unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, settings) };
    }
    let term = console::Term::stderr();
    if term.is_term() {
        let _ = term.show_cursor();
        let _ = term.write_line("");
    }
}

/// Ends a question that has no answer. After Ctrl-C a signal is on its way to the task that ends the
/// program at a question: until then the question stays open, because the next one would wait for
/// keys in vain.
fn no_answer<T>(error: &dialoguer::Error) -> Answer<T> {
    let dialoguer::Error::IO(error) = error;
    if error.kind() == std::io::ErrorKind::Interrupted {
        std::thread::sleep(UNTIL_THE_SIGNAL);
    }
    Answer::Declined
}

impl Prompter {
    pub(super) fn new(no_input: bool, paint: Paint) -> Self {
        Prompter { no_input, paint }
    }

    pub fn can_ask(&self) -> bool {
        !self.no_input && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Asks the user to type `name`. The comparison is exact. After a slip the question comes again;
    /// any other answer is a no.
    pub fn type_name(&self, name: &str) -> Answer<()> {
        for _ in 0..TRIES {
            match self.line(&format!("Type {name} to continue: ")) {
                Answer::Given(line) if line == name => return Answer::Given(()),
                Answer::Given(line) if is_slip(&line, name) => {
                    let _ = writeln!(std::io::stderr(), "that is not exactly {name}; try again");
                }
                Answer::Given(_) | Answer::Declined => return Answer::Declined,
                Answer::CannotAsk => return Answer::CannotAsk,
            }
        }
        Answer::Declined
    }

    /// A yes-or-no question, where only a typed yes is a yes. Enter alone is a no. After any other
    /// answer the question comes again.
    pub fn yes(&self, question: &str) -> Answer<()> {
        for _ in 0..TRIES {
            match self.line(&format!("{question} [yes/no]: ")) {
                Answer::Given(line) => match line.trim().to_lowercase().as_str() {
                    "y" | "yes" => return Answer::Given(()),
                    "" | "n" | "no" => return Answer::Declined,
                    _ => _ = writeln!(std::io::stderr(), "type yes or no"),
                },
                Answer::Declined => return Answer::Declined,
                Answer::CannotAsk => return Answer::CannotAsk,
            }
        }
        Answer::Declined
    }

    /// A question whose answer is a line.
    pub fn text(&self, question: &str) -> Answer<String> {
        self.line(&format!("{question}: "))
    }

    /// A question that Enter alone answers with the usual answer: only where that is harmless.
    pub fn text_or(&self, question: &str, usual: &str) -> Answer<String> {
        match self.line(&format!("{question} [{usual}]: ")) {
            Answer::Given(line) if line.trim().is_empty() => Answer::Given(usual.to_owned()),
            Answer::Given(line) => Answer::Given(line.trim().to_owned()),
            other => other,
        }
    }

    fn line(&self, question: &str) -> Answer<String> {
        if !self.can_ask() {
            return Answer::CannotAsk;
        }
        let _asking = Asking::begin();
        let _ = write!(std::io::stderr(), "{}", self.paint.decision(&for_screen(question)));
        let mut line = String::new();
        match std::io::stdin().read_line(&mut line) {
            Ok(0) | Err(_) => {
                // No Enter has ended the question's line.
                let _ = writeln!(std::io::stderr());
                Answer::Declined
            }
            Ok(_) => Answer::Given(line.trim_end_matches(['\r', '\n']).to_owned()),
        }
    }

    /// Lets the user pick any number of lines. Esc is a no.
    pub fn several(&self, question: &str, lines: &[String]) -> Answer<Vec<usize>> {
        if !self.can_ask() {
            return Answer::CannotAsk;
        }
        let _asking = Asking::begin();
        let lines: Vec<String> = lines.iter().map(|line| for_screen(line).into()).collect();
        let picked = dialoguer::MultiSelect::new()
            .with_prompt(for_screen(question))
            .items(&lines)
            .max_length(MOST_LINES)
            .interact_opt();
        match picked {
            Ok(Some(picked)) => Answer::Given(picked),
            Ok(None) => Answer::Declined,
            Err(error) => no_answer(&error),
        }
    }

    /// A new password, typed twice without an echo.
    pub fn new_password(&self, question: &str) -> Answer<Secret> {
        if !self.can_ask() {
            return Answer::CannotAsk;
        }
        let _asking = Asking::begin();
        let password = dialoguer::Password::new()
            .with_prompt(for_screen(question))
            .with_confirmation("Type it again", "the two passwords differ")
            .interact();
        match password {
            Ok(password) => Answer::Given(Secret::new(password)),
            Err(error) => no_answer(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_asked_again_and_another_name_is_a_no() {
        let name = "site-staging";
        for slip in ["site-staging ", "SITE-STAGING", "site-stagin", "sit-stagng", "site_staging"] {
            assert!(is_slip(slip, name), "{slip}");
        }
        for other in ["", "y", "no", "site-production", "site-stage", "staging"] {
            assert!(!is_slip(other, name), "{other}");
        }
        assert!(!is_slip("no", "bc") && is_slip("bd", "bc"));
    }
}
