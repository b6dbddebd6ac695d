//! Decides what the two output streams can show: the width, colours and links.

use std::io::IsTerminal;

use super::ColorChoice;

/// Below this width no table is readable. A smaller `COLUMNS` is taken for a mistake.
const NARROWEST: u16 = 20;

/// Where a text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// stdout.
    Results,
    /// stderr.
    Messages,
}

impl Stream {
    pub fn is_terminal(self) -> bool {
        match self {
            Stream::Results => std::io::stdout().is_terminal(),
            Stream::Messages => std::io::stderr().is_terminal(),
        }
    }

    /// The columns of the terminal. `None` without one: then nothing is wrapped. `COLUMNS` comes
    /// first, as in other programs.
    pub fn width(self) -> Option<u16> {
        if !self.is_terminal() {
            return None;
        }
        let given = std::env::var("COLUMNS").ok().and_then(|text| text.trim().parse().ok());
        let term = match self {
            Stream::Results => console::Term::stdout(),
            Stream::Messages => console::Term::stderr(),
        };
        given
            .filter(|columns| *columns >= NARROWEST)
            .or_else(|| term.size_checked().map(|(_, columns)| columns))
            .filter(|columns| *columns > 0)
    }

    /// Whether a text on this stream has colours.
    pub fn has_colors(self, choice: ColorChoice) -> bool {
        match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if is_set("NO_COLOR") => false,
            ColorChoice::Auto if is_forced() => true,
            ColorChoice::Auto => self.is_terminal() && !console::is_dumb(),
        }
    }

    /// Whether the terminal makes a link of OSC 8. Never where colours were refused.
    pub fn has_links(self, choice: ColorChoice) -> bool {
        let stream = match self {
            Stream::Results => supports_hyperlinks::Stream::Stdout,
            Stream::Messages => supports_hyperlinks::Stream::Stderr,
        };
        choice != ColorChoice::Never
            && self.is_terminal()
            && !console::is_dumb()
            && supports_hyperlinks::on(stream)
    }
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

fn is_forced() -> bool {
    std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0")
}
