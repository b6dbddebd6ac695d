//! Chooses the streams of a command on a dyno, and passes them on.

use std::io::IsTerminal;
use std::time::Duration;

use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::signal::unix::{SignalKind, signal};

use crate::adapters::heroku::{Capture, EncodedInput, Limits, OneOff, Window};
use crate::failure::{CommandError, FailureKind};
use crate::ui::{self, Keyboard};

use super::report;
use super::target::DynoTarget;

/// How input and output go between here and the dyno.
#[derive(Debug, Clone)]
pub enum Streams {
    /// A terminal at both ends.
    Terminal(Window),
    /// A file or a pipe: every byte of it arrives.
    Encoded { capture: bool },
    /// A keyboard without a terminal on the dyno, or no input.
    Plain { capture: bool },
}

/// A command that has ended.
pub struct Ended {
    pub dyno: String,
    pub exit_status: u8,
    /// With `--json`: the beginning of the output, and how many bytes followed.
    pub output: Option<(Vec<u8>, u64)>,
}

impl Streams {
    /// The streams of this process. `json` and `no_terminal` rule out a terminal.
    pub fn here(json: bool, no_terminal: bool) -> Streams {
        let input = std::io::stdin();
        if input.is_terminal() && std::io::stdout().is_terminal() && !json && !no_terminal {
            return Streams::Terminal(window());
        }
        match is_file_or_pipe() {
            true => Streams::Encoded { capture: json },
            false => Streams::Plain { capture: json },
        }
    }

    pub fn window(&self) -> Option<Window> {
        match self {
            Streams::Terminal(window) => Some(window.clone()),
            Streams::Encoded { .. } | Streams::Plain { .. } => None,
        }
    }

    pub fn encodes(&self) -> bool {
        matches!(self, Streams::Encoded { .. })
    }

    /// Runs the command. It stops when `stop` ends, or when its terminal closes. Without a
    /// terminal, nohup decides about a hangup.
    pub async fn pass(
        &self,
        target: &DynoTarget,
        one_off: &OneOff,
        time_limit: Duration,
        stop: impl Future<Output = ()>,
    ) -> Result<Ended, CommandError> {
        let limits = Limits { total: time_limit, ..Limits::default() };
        match self {
            Streams::Terminal(_) => {
                let keyboard = Keyboard::new().map_err(no_streams)?;
                let left = keyboard.left();
                let stop = async {
                    tokio::select! {
                        () = stop => {}
                        () = left => {}
                        () = hung_up() => {}
                    }
                };
                let both = (keyboard, output()?);
                let ended = start(target, one_off, both, &limits, stop).await;
                if ended.is_err() {
                    // The program on the dyno could not tidy the screen itself.
                    ui::tidy_screen();
                }
                ended
            }
            Streams::Encoded { capture } => {
                let input = EncodedInput::new(input()?);
                with_output(target, one_off, input, *capture, &limits, stop).await
            }
            Streams::Plain { capture } => {
                with_output(target, one_off, input()?, *capture, &limits, stop).await
            }
        }
    }
}

async fn with_output(
    target: &DynoTarget,
    one_off: &OneOff,
    input: impl AsyncRead + Unpin,
    capture: bool,
    limits: &Limits,
    stop: impl Future<Output = ()>,
) -> Result<Ended, CommandError> {
    if !capture {
        return start(target, one_off, (input, output()?), limits, stop).await;
    }
    let mut output = Capture::new(limits.output);
    let ended = start(target, one_off, (input, &mut output), limits, stop).await?;
    Ok(Ended { output: Some((output.kept, output.left_out)), ..ended })
}

async fn start(
    target: &DynoTarget,
    one_off: &OneOff,
    both: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    limits: &Limits,
    stop: impl Future<Output = ()>,
) -> Result<Ended, CommandError> {
    let ended = target.heroku.run_streamed(&target.app, one_off, both, limits, stop).await;
    let (dyno, exit_status) = ended.map_err(|error| report::failed(error, target))?;
    Ok(Ended { dyno, exit_status, output: None })
}

fn input() -> Result<File, CommandError> {
    ui::raw_standard_input().map(File::from_std).map_err(no_streams)
}

/// Without a buffer, so that the dyno's output is on the screen at once.
fn output() -> Result<File, CommandError> {
    ui::raw_standard_output().map(File::from_std).map_err(no_streams)
}

fn no_streams(error: std::io::Error) -> CommandError {
    CommandError::new(
        FailureKind::Unexpected,
        "cannot use standard input or output; nothing was run",
    )
    .with_cause(error)
}

/// The size at the start: Heroku takes no later change.
fn window() -> Window {
    let (rows, columns) = console::Term::stdout().size_checked().unwrap_or((24, 80));
    let kind = std::env::var("TERM").ok().filter(|kind| !kind.is_empty());
    Window { kind: kind.unwrap_or_else(|| "xterm".to_owned()), columns, rows }
}

/// Whether standard input can hold any byte. A terminal has its own end of input, and `/dev/null`
/// sends nothing.
fn is_file_or_pipe() -> bool {
    use std::os::unix::fs::FileTypeExt;
    let Ok(input) = std::fs::metadata("/dev/stdin") else { return false };
    let kind = input.file_type();
    kind.is_file() || kind.is_fifo() || kind.is_socket()
}

/// Waits until the window closes or its connection breaks.
async fn hung_up() {
    match signal(SignalKind::hangup()) {
        Ok(mut hangup) => _ = hangup.recv().await,
        Err(_) => std::future::pending().await,
    }
}
