//! Copies bytes both ways between a dyno and its user.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};

use super::rendezvous::Connection;
use super::sentinel::Sentinel;
use super::{Limits, StopReason};

/// End of transmission, which means the end of input to the dyno.
const END: &[u8] = b"\x04";
const BUFFER: usize = 32 << 10;

/// How a session has ended.
pub enum Ending {
    /// The dyno closed the connection, or was silent after the exit status.
    Closed,
    GivenUp(StopReason),
    /// The dyno's output could not be written.
    Output(io::Error),
}

/// The state that both directions share.
struct Session<'a> {
    limits: &'a Limits,
    grace: Duration,
    has_terminal: bool,
    started: Instant,
    /// In milliseconds since the start.
    last_byte: AtomicU64,
    has_status: AtomicBool,
}

/// Copies input and output until the dyno closes the connection, a limit is reached, or `stop`
/// completes.
pub async fn relay(
    connection: Connection,
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin,
    sentinel: &mut Sentinel,
    (limits, grace, has_terminal): (&Limits, Duration, bool),
    stop: impl Future<Output = ()>,
) -> Ending {
    let session = Session {
        limits,
        grace,
        has_terminal,
        started: Instant::now(),
        last_byte: AtomicU64::new(0),
        has_status: AtomicBool::new(false),
    };
    let (from_dyno, to_dyno) = split(connection);
    tokio::select! {
        biased;
        ending = session.pass_output(from_dyno, output, sentinel) => ending,
        () = session.pass_input(input, to_dyno) => Ending::Closed,
        reason = session.patience() => match session.has_status.load(Ordering::Relaxed) {
            // The command has ended, so an open connection does not matter.
            true => Ending::Closed,
            false => Ending::GivenUp(reason),
        },
        () = stop => Ending::GivenUp(StopReason::Interrupted),
    }
}

impl Session<'_> {
    fn note(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_byte.store(now, Ordering::Relaxed);
    }

    async fn pass_output(
        &self,
        mut from_dyno: ReadHalf<Connection>,
        mut output: impl AsyncWrite + Unpin,
        sentinel: &mut Sentinel,
    ) -> Ending {
        let mut buffer = vec![0; BUFFER];
        loop {
            // A broken connection ends like a closed one: the exit status decides.
            let length = from_dyno.read(&mut buffer).await.unwrap_or(0);
            self.note();
            let own = match buffer.get(..length) {
                Some(bytes) if length > 0 => sentinel.pass(bytes),
                _ => sentinel.finish(),
            };
            self.has_status.store(sentinel.status().is_some(), Ordering::Relaxed);
            if let Err(cause) = write(&mut output, &own).await {
                return Ending::Output(cause);
            }
            if length == 0 {
                return Ending::Closed;
            }
        }
    }

    /// Never returns, because only the end of the output ends a session.
    async fn pass_input(
        &self,
        mut input: impl AsyncRead + Unpin,
        mut to_dyno: WriteHalf<Connection>,
    ) {
        let mut buffer = vec![0; BUFFER];
        let mut ends_a_line = true;
        loop {
            let length = input.read(&mut buffer).await.unwrap_or(0);
            let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            ends_a_line = bytes.last() == Some(&b'\n');
            self.note();
            if write(&mut to_dyno, bytes).await.is_err() {
                break;
            }
        }
        // In a terminal the first byte ends an unfinished line, and the second ends the input.
        let ends = if self.has_terminal && !ends_a_line { 2 } else { 1 };
        // A failure here is ignored, because a broken connection also ends the output.
        let _ = write(&mut to_dyno, &END.repeat(ends)).await;
        std::future::pending().await
    }

    async fn patience(&self) -> StopReason {
        loop {
            let elapsed = self.started.elapsed();
            let last_byte = Duration::from_millis(self.last_byte.load(Ordering::Relaxed));
            let silent = elapsed.saturating_sub(last_byte);
            let total = self.limits.total.saturating_sub(elapsed);
            let idle = match self.has_status.load(Ordering::Relaxed) {
                true => Some(self.grace),
                false => self.limits.idle,
            };
            let left = idle.map(|idle| idle.saturating_sub(silent));
            if total.is_zero() {
                return StopReason::TotalTime;
            }
            if left.is_some_and(|left| left.is_zero()) {
                return StopReason::Silence;
            }
            // Short waits, because the exit status shortens the limit.
            let wait = left.unwrap_or(total).min(total).min(self.grace);
            tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
        }
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    if !bytes.is_empty() {
        to.write_all(bytes).await?;
        to.flush().await?;
    }
    Ok(())
}
