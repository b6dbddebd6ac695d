//! Runs a command on a dyno to its end, and returns its exit status.

use tokio::io::{AsyncRead, AsyncWrite};

use super::capture::Capture;
use super::sentinel::Sentinel;
use super::session::{self, Ending};
use super::{DynoFate, Limits, OneOff, OneOffError, StopReason, line_for};
use crate::adapters::heroku::{DestinationApp, Heroku, HerokuError};

/// A finished command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub dyno: String,
    /// The command's own exit status, which may be any number.
    pub exit_status: u8,
    /// Output and error output together, up to the limit.
    pub output: Vec<u8>,
    /// How many bytes exceeded the limit.
    pub left_out: u64,
}

impl Heroku {
    /// Runs a command without input and keeps its output.
    pub async fn run_captured(
        &self,
        app: &DestinationApp,
        one_off: &OneOff,
        limits: &Limits,
        stop: impl Future<Output = ()>,
        told: impl FnOnce(&OneOffError),
    ) -> Result<Finished, HerokuError> {
        let mut output = Capture::new(limits.output);
        let (dyno, exit_status) =
            self.run_unattended(app, one_off, &mut output, limits, stop, told).await?;
        let Capture { kept, left_out, .. } = output;
        Ok(Finished { dyno, exit_status, output: kept, left_out })
    }

    /// Runs a command with input and output. Returns the dyno's name and the exit status. When
    /// `stop` completes, the dyno is stopped.
    pub async fn run_streamed(
        &self,
        app: &DestinationApp,
        one_off: &OneOff,
        (input, output): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
        limits: &Limits,
        stop: impl Future<Output = ()>,
    ) -> Result<(String, u8), HerokuError> {
        let mut stop = std::pin::pin!(stop);
        let mut sentinel = Sentinel::new();
        let line = line_for(app, one_off, &sentinel);
        let started = self.start_one_off(app, one_off, &line, true).await?;
        let dyno = started.name.clone();
        let met = tokio::select! {
            met = self.meet(&started) => met,
            () = &mut stop => return Err(self.give_up(app, dyno, StopReason::Interrupted).await),
        };
        let connection = match met {
            Ok(connection) => connection,
            Err(error) => {
                // A failure to stop is ignored: the connection error matters more, and the dyno's
                // time limit ends it anyway.
                let _ = self.stop_dyno(app, &dyno).await;
                return Err(error.into());
            }
        };
        let terms = (limits, self.timing.grace, one_off.terminal.is_some());
        match session::relay(connection, input, output, &mut sentinel, terms, stop).await {
            Ending::Closed => match sentinel.status() {
                Some(status) => Ok((dyno, status)),
                None => Err(self.exit_unknown(app, dyno).await.into()),
            },
            Ending::GivenUp(reason) => Err(self.give_up(app, dyno, reason).await),
            Ending::Output(cause) => {
                let _ = self.stop_dyno(app, &dyno).await;
                Err(OneOffError::Output { dyno, cause }.into())
            }
        }
    }

    pub(super) async fn exit_unknown(&self, app: &DestinationApp, dyno: String) -> OneOffError {
        let fate = match self.dyno(app.id(), &dyno).await {
            Ok(None) => DynoFate::Gone,
            Ok(Some(found)) => DynoFate::There(found.state),
            Err(_) => DynoFate::Unknown,
        };
        OneOffError::ExitUnknown { dyno, fate }
    }

    pub(super) async fn give_up(
        &self,
        app: &DestinationApp,
        dyno: String,
        reason: StopReason,
    ) -> HerokuError {
        let stop_failed = match self.stop_dyno(app, &dyno).await {
            Ok(()) => None,
            Err(error) if error.is_not_found() => None,
            Err(error) => Some(Box::new(error)),
        };
        OneOffError::GivenUp { dyno, reason, stop_failed }.into()
    }
}
