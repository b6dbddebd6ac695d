//! Runs commands without input: over the rendezvous, or without a connection and through the log if
//! this network blocks the rendezvous's port.

use std::pin::pin;

use tokio::io::AsyncWrite;

use super::{Limits, OneOff, OneOffError};
use crate::adapters::heroku::{DestinationApp, Heroku, HerokuError};

/// How often bcops checks whether a stopped dyno is gone.
const LOOKS: u32 = 20;

/// The message for a person who waits for the command.
pub fn through_the_log(error: &OneOffError) -> String {
    format!("{error}; bcops started the command again and reads its output from the log")
}

impl Heroku {
    /// Runs a command without input. Returns the dyno's name and the exit status.
    ///
    /// If no one attaches to an attached dyno, Heroku reports an error (R13), and bcops stops the
    /// dyno. Heroku does not report whether the command had begun, so the command must be safe to
    /// interrupt and repeat, as in a resumed run. Once that dyno is gone, `told` gets the reason,
    /// and the command starts without a connection: two never run at once.
    ///
    /// # Errors
    /// As with [`Heroku::run_streamed`] and [`Heroku::follow_detached`]. The error of the
    /// rendezvous, if the first dyno does not stop.
    pub async fn run_unattended(
        &self,
        app: &DestinationApp,
        one_off: &OneOff,
        output: &mut (impl AsyncWrite + Unpin),
        limits: &Limits,
        stop: impl Future<Output = ()>,
        told: impl FnOnce(&OneOffError),
    ) -> Result<(String, u8), HerokuError> {
        let mut stop = pin!(stop);
        let ends = (tokio::io::empty(), &mut *output);
        let error = match self.run_streamed(app, one_off, ends, limits, &mut stop).await {
            Err(HerokuError::OneOff(error)) => error,
            other => return other,
        };
        let (OneOffError::Unreachable { dyno, .. } | OneOffError::NoRendezvous { dyno }) = &error
        else {
            return Err(error.into());
        };
        let gone = tokio::select! {
            gone = self.goes(app, dyno) => gone,
            () = &mut stop => false,
        };
        if !gone {
            return Err(error.into());
        }
        told(&error);
        let started = self.start_detached(app, one_off).await?;
        let status = self.follow_detached(app, &started, output, limits, stop).await?;
        Ok((started.dyno, status))
    }

    /// Waits a while for a stopped dyno, and returns whether it is gone.
    async fn goes(&self, app: &DestinationApp, dyno: &str) -> bool {
        for _ in 0..LOOKS {
            match self.dyno(app.id(), dyno).await {
                Ok(None) => return true,
                Ok(Some(found)) if found.has_ended() => return true,
                Ok(Some(_)) => tokio::time::sleep(self.timing.poll).await,
                // The request was already repeated as often as the timing allows.
                Err(_) => return false,
            }
        }
        false
    }
}
