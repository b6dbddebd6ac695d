//! Passes the keys of standard input to a program on a dyno, with a way to leave it.

use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::fs::File;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::Notify;

use super::raw_mode::RawMode;

/// `~.` at the beginning of a line ends the session, as in ssh; `~~` is one `~`.
const ESCAPE: u8 = b'~';
const LEAVE: u8 = b'.';

/// The terminal's keys. The terminal becomes raw with the first read, when the dyno is there: until
/// then Ctrl-C stops bcops. Dropping this restores the terminal.
pub struct Keyboard {
    input: File,
    raw: Option<RawMode>,
    escape: Escape,
    left: Arc<Notify>,
}

impl Keyboard {
    /// # Errors
    /// Where standard input is closed.
    pub fn new() -> io::Result<Keyboard> {
        let input = File::from_std(super::raw_standard_input()?);
        Ok(Keyboard { input, raw: None, escape: Escape::LineStart, left: Arc::default() })
    }

    /// Ends when the person leaves the session.
    pub fn left(&self) -> impl Future<Output = ()> + use<> {
        let left = Arc::clone(&self.left);
        async move { left.notified().await }
    }
}

impl AsyncRead for Keyboard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.raw.is_none() {
            // SAFETY: standard input stays open as long as the process.
            self.raw = Some(RawMode::enter(unsafe { BorrowedFd::borrow_raw(0) })?);
        }
        loop {
            // A `~` that was held back is added to what is read.
            let mut keys = [0; 256];
            let room = buffer.remaining().saturating_sub(1).clamp(1, keys.len());
            let mut typed = ReadBuf::new(keys.get_mut(..room).unwrap_or_default());
            ready!(Pin::new(&mut self.input).poll_read(context, &mut typed))?;
            if typed.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            let Some(keys) = self.escape.pass(typed.filled()) else {
                self.left.notify_one();
                return Poll::Pending;
            };
            if !keys.is_empty() {
                buffer.put_slice(&keys);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// The place of the next key in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    LineStart,
    /// After a `~` that was not passed on yet.
    Held,
    Within,
}

impl Escape {
    /// The keys to pass on; `None` to leave.
    fn pass(&mut self, typed: &[u8]) -> Option<Vec<u8>> {
        let mut keys = Vec::with_capacity(typed.len() + 1);
        for key in typed {
            match (*self, *key) {
                (Escape::LineStart, ESCAPE) => {
                    *self = Escape::Held;
                    continue;
                }
                (Escape::Held, LEAVE) => return None,
                (Escape::Held, ESCAPE) => {}
                (Escape::Held, _) => keys.push(ESCAPE),
                _ => {}
            }
            keys.push(*key);
            *self = if matches!(key, b'\r' | b'\n') { Escape::LineStart } else { Escape::Within };
        }
        Some(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(pieces: &[&str]) -> Option<String> {
        let mut escape = Escape::LineStart;
        let mut keys = Vec::new();
        for piece in pieces {
            keys.extend(escape.pass(piece.as_bytes())?);
        }
        String::from_utf8(keys).ok()
    }

    #[test]
    fn the_session_ends_only_at_the_beginning_of_a_line() {
        let expect = |pieces: &[&str], keys: Option<&str>| {
            assert_eq!(passed(pieces).as_deref(), keys, "{pieces:?}");
        };
        expect(&["ls ~.\r"], Some("ls ~.\r"));
        expect(&["~", "."], None);
        expect(&["ls\r~", "."], None);
        expect(&["ls\r", "~~."], Some("ls\r~."));
        expect(&["~", "user\r"], Some("~user\r"));
        expect(&["\x03~."], Some("\x03~."));
        expect(&["~\r", "x"], Some("~\rx"));
    }
}
