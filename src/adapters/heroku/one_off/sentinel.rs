//! Reads the exit status of a command on a dyno. The rendezvous does not carry it, so the dyno's
//! shell writes it into the output.
//!
//! The line is the one of Heroku's own CLI, plus a random word at its end, so that no output of the
//! command can be mistaken for it. The line is removed from the output, however its bytes are
//! split.

use std::hash::{BuildHasher, RandomState};

use memchr::memmem;

/// U+FFFF is not a character, so normal output does not hold it.
const MARK: &str = "\u{FFFF} heroku-command-exit-status: ";
/// The beginning of a command line that prints its exit status.
const BEFORE: &str = "trap : INT ; ( ";
/// The program that runs a command on an app of Heroku's Fir generation, whose images are built by
/// Cloud Native Buildpacks.
pub(super) const LAUNCHER: &str = "launcher ";
/// The longest status, and the end of the line: `255 ` and `\r\n`.
const LONGEST_REST: usize = 6;

/// Finds the exit status of one command in its output.
pub struct Sentinel {
    word: String,
    /// Bytes that may be the beginning of the line.
    held: Vec<u8>,
    status: Option<u8>,
}

enum Found {
    Status { status: u8, length: usize },
    Unfinished,
    SomethingElse,
}

impl Sentinel {
    pub(crate) fn new() -> Self {
        // The standard library seeds its hash maps randomly, which is random enough for this.
        Sentinel::with_word(&format!("{:016x}", RandomState::new().hash_one("bcops")))
    }

    /// The sentinel of a command that was started earlier.
    pub fn with_word(word: &str) -> Self {
        Sentinel { word: word.to_owned(), held: Vec::new(), status: None }
    }

    /// The command line that runs `command` and then prints its exit status.
    pub fn appended_to(&self, command: &str) -> String {
        // Ctrl-C reaches this shell as well as the command. The trap, which the command does not
        // inherit, keeps the shell alive. The parentheses keep an `exit` in the command from ending
        // the shell before it prints the status. A command that could swallow the rest of its line
        // (a comment, the end of a here-document) gets its own line.
        let end = if command.contains(['\n', '#', '\\']) { "\n" } else { " " };
        format!("{BEFORE}{command}{end}) ; echo \"{MARK}$? {}\"", self.word)
    }

    /// Whether a sentinel of any process made this command line from `command`. False for commands
    /// of a person, a scheduler or a release phase.
    pub fn is_appended(line: &str, command: &str) -> bool {
        let own = line.strip_prefix(BEFORE).map(|own| own.strip_prefix(LAUNCHER).unwrap_or(own));
        let rest = own.and_then(|own| own.strip_prefix(command));
        rest.is_some_and(|rest| rest.trim_start().starts_with(&format!(") ; echo \"{MARK}")))
    }

    /// The word that makes this command line unique.
    pub fn word(&self) -> &str {
        &self.word
    }

    pub fn status(&self) -> Option<u8> {
        self.status
    }

    /// Takes the next bytes of the output, and returns those of the command itself.
    pub fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let mut own = Vec::new();
        loop {
            let Some(start) = memmem::find(&self.held, MARK.as_bytes()) else {
                let kept = beginning_at_the_end(&self.held, MARK.as_bytes());
                own.extend(self.held.drain(..self.held.len() - kept));
                return own;
            };
            own.extend(self.held.drain(..start));
            match self.read_line() {
                Found::Status { status, length } => {
                    self.status = Some(status);
                    self.held.drain(..length.min(self.held.len()));
                }
                Found::Unfinished => return own,
                Found::SomethingElse => own.extend(self.held.drain(..MARK.len())),
            }
        }
    }

    /// The remaining bytes at the end of the output, which are not a sentinel.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// Reads the line whose mark begins the held bytes.
    fn read_line(&self) -> Found {
        let rest = self.held.get(MARK.len()..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', rest) else {
            let is_short = rest.len() < self.word.len() + LONGEST_REST;
            return if is_short { Found::Unfinished } else { Found::SomethingElse };
        };
        let line = rest.get(..end).and_then(|line| std::str::from_utf8(line).ok());
        let status = line
            .and_then(|line| line.trim_end_matches('\r').strip_suffix(self.word.as_str()))
            .and_then(|status| status.strip_suffix(' ')?.parse().ok());
        match status {
            Some(status) => Found::Status { status, length: MARK.len() + end + 1 },
            None => Found::SomethingElse,
        }
    }
}

/// How many bytes at the end of `bytes` are the beginning of `mark`.
fn beginning_at_the_end(bytes: &[u8], mark: &[u8]) -> usize {
    let longest = bytes.len().min(mark.len().saturating_sub(1));
    let is_beginning = |length: &usize| {
        let end = bytes.get(bytes.len() - length..).unwrap_or_default();
        mark.starts_with(end)
    };
    (1..=longest).rev().find(is_beginning).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn through(pieces: &[&[u8]], sentinel: &mut Sentinel) -> Vec<u8> {
        let mut own: Vec<u8> = pieces.iter().flat_map(|piece| sentinel.pass(piece)).collect();
        own.extend(sentinel.finish());
        own
    }

    fn line(sentinel: &Sentinel, status: &str) -> Vec<u8> {
        format!("{MARK}{status} {}\r\n", sentinel.word).into_bytes()
    }

    #[test]
    fn the_text_around_the_line_is_kept() {
        let mut sentinel = Sentinel::new();
        let all = [b"no line end".as_slice(), &line(&sentinel, "3"), b"said later"].concat();
        assert_eq!(through(&[&all], &mut sentinel), b"no line endsaid later");
        assert_eq!(sentinel.status(), Some(3));
    }

    #[test]
    fn own_command_lines_are_recognized() {
        let migrate = "python manage.py migrate";
        let sentinel = Sentinel::new();
        let launched = format!("{LAUNCHER}{migrate}");
        for line in [sentinel.appended_to(migrate), sentinel.appended_to(&launched)] {
            assert!(Sentinel::is_appended(&line, migrate), "{line}");
        }
        let commented = "true # nothing";
        assert!(Sentinel::is_appended(&sentinel.appended_to(commented), commented));
        for line in [
            migrate.to_owned(),
            format!("{migrate} ; echo \"{MARK}$?\""),
            sentinel.appended_to(&format!("{migrate} --plan")),
            sentinel.appended_to("true"),
        ] {
            assert!(!Sentinel::is_appended(&line, migrate), "{line}");
        }
    }

    #[test]
    fn text_that_only_resembles_the_line_is_output() {
        let mut sentinel = Sentinel::new();
        for other in [
            format!("{MARK}0\r\n"),
            format!("{MARK}0 0123456789abcdef\n"),
            format!("{MARK}256 {}\n", sentinel.word),
            format!("{MARK}{}", "9".repeat(100)),
            format!("{MARK}0 {}", sentinel.word),
            MARK.repeat(3),
            "\u{FFFF} heroku-comm".to_owned(),
        ] {
            let own = through(&[other.as_bytes()], &mut sentinel);
            assert_eq!(String::from_utf8_lossy(&own), other);
            assert_eq!(sentinel.status(), None, "{other}");
        }
    }

    #[test]
    fn a_shell_writes_the_line() {
        for (command, status, said) in [
            ("true", 0, ""),
            ("printf x; (exit 7)", 7, "x"),
            ("false # a comment", 1, ""),
            ("false;", 1, ""),
            ("exit 9", 9, ""),
            ("(exit 4)", 4, ""),
            ("true &", 0, ""),
            ("cat <<E\nhere\nE", 0, "here\n"),
            ("no-such-command-at-all", 127, ""),
        ] {
            let mut sentinel = Sentinel::new();
            let line = sentinel.appended_to(command);
            let output = std::process::Command::new("sh").arg("-c").arg(line).output();
            let own = through(&[&output.expect("a shell").stdout], &mut sentinel);
            assert_eq!(String::from_utf8_lossy(&own), said, "{command}");
            assert_eq!(sentinel.status(), Some(status), "{command}");
        }
    }

    proptest! {
        #![proptest_config(crate::property_test::config(256))]

        #[test]
        fn the_line_is_found_however_the_bytes_are_split(
            before in proptest::collection::vec(any::<u8>(), 0..40),
            after in proptest::collection::vec(any::<u8>(), 0..40),
            marks in 0_usize..3,
            status: u8,
            cuts in proptest::collection::vec(0_usize..200, 0..12),
        ) {
            let mut sentinel = Sentinel::new();
            let before = [MARK.as_bytes().repeat(marks), before].concat();
            let line = line(&sentinel, &status.to_string());
            let all = [before.as_slice(), &line, &after].concat();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(all.len())).collect();
            cuts.extend([0, all.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|two| &all[two[0]..two[1]]).collect();
            prop_assert_eq!(through(&pieces, &mut sentinel), [before, after].concat());
            prop_assert_eq!(sentinel.status(), Some(status));
        }
    }
}
