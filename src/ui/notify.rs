//! Notifies a person at the end of a long run: by the terminal's bell, or on the desktop.

use std::io::Write;
use std::time::Duration;

use super::terminal::Stream;
use crate::settings::Notify;

/// Shorter runs end while the person still looks.
pub const LONG: Duration = Duration::from_secs(30);

/// Sends the notification. Nothing is sent without a terminal, or after a short run.
pub fn notify(wanted: Notify, took: Duration, text: &str) {
    if took < LONG || !Stream::Messages.is_terminal() || console::is_dumb() {
        return;
    }
    let program = |name: &str| std::env::var(name).unwrap_or_default();
    let sequence =
        sequence(wanted, text, &program("TERM"), std::env::var_os("VTE_VERSION").is_some());
    // A terminal that went away needs no notification.
    let _ = std::io::stderr().write_all(sequence.as_bytes());
}

/// OSC 777 where it is the terminal's own way, and OSC 9 elsewhere. A terminal ignores what it does
/// not know; both would be shown twice by those that know both.
fn sequence(wanted: Notify, text: &str, term: &str, is_vte: bool) -> String {
    match wanted {
        Notify::Off => String::new(),
        Notify::Bell => "\x07".to_owned(),
        Notify::Desktop => {
            // A semicolon separates the parts of a sequence.
            let text = crate::plain_text::on_one_line(text).replace(';', ",");
            match is_vte || term.starts_with("rxvt") || term.starts_with("foot") {
                true => format!("\x1b]777;notify;bcops;{text}\x1b\\"),
                false => format!("\x1b]9;{text}\x1b\\"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_terminal_gets_the_sequence_that_it_knows() {
        let desktop = |term, is_vte| sequence(Notify::Desktop, "reset; done\x07", term, is_vte);
        assert_eq!(desktop("xterm-256color", false), "\x1b]9;reset, done\x1b\\");
        assert_eq!(desktop("xterm-256color", true), "\x1b]777;notify;bcops;reset, done\x1b\\");
        assert_eq!(desktop("foot", false), "\x1b]777;notify;bcops;reset, done\x1b\\");
        assert_eq!(sequence(Notify::Bell, "done", "xterm", false), "\x07");
        assert_eq!(sequence(Notify::Off, "done", "xterm", false), "");
    }
}
