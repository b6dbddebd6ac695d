//! Reports the output of a command on a dyno, line by line.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use crate::events::{Event, Reporter};
use crate::plain_text::on_one_line;
use crate::secret::redacted;

const LONGEST_LINE: usize = 400;
/// How many of the last lines are kept for an error.
const KEPT: usize = 12;

/// Reports each line as it arrives, without secrets, and keeps the last ones.
pub struct LineReporter<'a> {
    reporter: &'a dyn Reporter,
    line: Vec<u8>,
    last: VecDeque<String>,
}

impl<'a> LineReporter<'a> {
    pub fn new(reporter: &'a dyn Reporter) -> Self {
        LineReporter { reporter, line: Vec::new(), last: VecDeque::new() }
    }

    /// The last lines, including an unfinished one.
    pub fn into_last(mut self) -> Vec<String> {
        self.end_line();
        self.last.into()
    }

    fn end_line(&mut self) {
        let text = String::from_utf8_lossy(&self.line);
        let text: String =
            on_one_line(&redacted(&text)).trim_end().chars().take(LONGEST_LINE).collect();
        self.line.clear();
        if text.is_empty() {
            return;
        }
        self.reporter.emit(Event::Note(text.clone()));
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(text);
    }
}

impl AsyncWrite for LineReporter<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' {
                self.end_line();
            } else if self.line.len() < 4 * LONGEST_LINE {
                self.line.push(byte);
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::events::Silent;
    use crate::secret::Secret;

    #[tokio::test]
    async fn lines_lose_their_secrets_and_only_the_last_are_kept() {
        Secret::new("https://someone:hunter2hunter2@search.example");
        let mut lines = LineReporter::new(&Silent);
        for number in 0..20 {
            lines.write_all(format!("line {number}\r\n").as_bytes()).await.expect("written");
        }
        lines.write_all(b"at https://someone:hunter2").await.expect("written");
        lines.write_all(b"hunter2@search.example/ with hunter2hunter2").await.expect("written");
        let last = lines.into_last();
        assert_eq!((last.len(), last[0].as_str()), (KEPT, "line 9"));
        assert_eq!(last[KEPT - 1], "at https://[secret]@search.example/ with [secret]");
    }
}
