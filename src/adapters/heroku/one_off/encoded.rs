//! Sends input to a dyno unchanged, whatever bytes it holds.
//!
//! Without a terminal the byte 4 means the end of input to a dyno, so a file with that byte would
//! end there. The input is therefore sent as lines of Base64, and the dyno's shell decodes each
//! line. Every stack has `base64`, `mkfifo` and `mktemp`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, ReadBuf};

use super::quoting::quoted;

/// How much is read for one line.
const PIECE: usize = 12 << 10;

/// The command line that runs `command` with decoded input, and ends with its exit status.
///
/// The decoder stops with the command, because input that never ends must not keep it running.
pub fn with_encoded_input(command: &str) -> String {
    let script = format!(
        "f=$(mktemp -u) && mkfifo -m 600 \"$f\" || exit 126\n\
         exec 3<&0\n\
         (while IFS= read -r l; do printf %s \"$l\" | base64 -d || exit; done) <&3 >\"$f\" &\n\
         sh -c {} <\"$f\" 3<&-\n\
         s=$?\n\
         kill $! 2>/dev/null\n\
         rm -f \"$f\"\n\
         exit $s",
        quoted(command)
    );
    format!("sh -c {}", quoted(&script))
}

/// Reads another input as lines of Base64, as soon as bytes arrive.
pub struct EncodedInput<I> {
    input: I,
    line: Vec<u8>,
    /// How much of the line was already read.
    given: usize,
}

impl<I> EncodedInput<I> {
    pub fn new(input: I) -> Self {
        EncodedInput { input, line: Vec::new(), given: 0 }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for EncodedInput<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given == self.line.len() {
            let mut piece = vec![0; PIECE];
            let mut read = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut self.input).poll_read(context, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.line = STANDARD.encode(read.filled()).into_bytes();
            self.line.push(b'\n');
            self.given = 0;
        }
        let rest = self.line.get(self.given..).unwrap_or_default();
        let length = rest.len().min(buffer.remaining());
        buffer.put_slice(rest.get(..length).unwrap_or_default());
        self.given += length;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use tokio::io::AsyncReadExt;

    use super::*;

    async fn encoded(input: &[u8]) -> Vec<u8> {
        let mut lines = Vec::new();
        EncodedInput::new(input).read_to_end(&mut lines).await.expect("no error");
        lines
    }

    fn start(command: &str) -> std::process::Child {
        let line = with_encoded_input(command);
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).stdin(Stdio::piped()).stdout(Stdio::piped());
        shell.spawn().expect("a shell")
    }

    #[tokio::test]
    async fn a_shell_decodes_every_byte() {
        let input: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let lines = encoded(&input).await;
        assert!(!lines.contains(&4));
        let mut shell = start("cat; exit 7");
        let mut keyboard = shell.stdin.take().expect("a pipe");
        let typing = std::thread::spawn(move || keyboard.write_all(&lines));
        let output = shell.wait_with_output().expect("its output");
        typing.join().expect("no panic").expect("written");
        assert!(output.stdout == input, "{} of {} bytes", output.stdout.len(), input.len());
        assert_eq!(output.status.code(), Some(7));
        assert_eq!(encoded(b"").await, b"");
    }

    /// The test keeps the input open until the command has ended.
    #[test]
    fn a_command_that_reads_nothing_does_not_wait() {
        let started = Instant::now();
        let mut shell = start("echo \"it's\" done; exit 3");
        let keyboard = shell.stdin.take();
        assert_eq!(shell.wait().expect("a status").code(), Some(3));
        assert!(started.elapsed() < Duration::from_secs(20));
        drop(keyboard);
    }
}
