//! Commands that need nobody at the other end: over the rendezvous, or, where this network closes its
//! port, by themselves and through the log.

use std::pin::pin;

use tokio::io::AsyncWrite;

use super::{Limits, OneOff, OneOffError};
use crate::adapters::heroku::{DestinationApp, Heroku, HerokuError};

/// How often it is looked whether a dyno that was stopped is gone.
const LOOKS: u32 = 20;

/// What whoever waits for the command is told.
pub fn through_the_log(error: &OneOffError) -> String {
    format!("{error}; it was begun once more by itself, and what it says comes through the log")
}

impl Heroku {
    /// Runs a command that has no input. Gives the dyno's name and the exit status.
    ///
    /// An attached dyno that nobody meets is an error to Heroku (R13), and is stopped here. Whether
    /// it had begun its command, Heroku does not say, so that the command has to be one that may be
    /// broken off and begun again, as a resumed run does as well. Only once that dyno is gone does
    /// `told` hear why, and the command is started by itself: two are never at it at a time.
    ///
    /// # Errors
    /// As with [`Heroku::run_streamed`] and [`Heroku::follow_detached`]; that the rendezvous could
    /// not be reached where the dyno that waits there does not go.
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

    /// Whether a dyno that was stopped is gone after a while.
    async fn goes(&self, app: &DestinationApp, dyno: &str) -> bool {
        for _ in 0..LOOKS {
            match self.dyno(app.id(), dyno).await {
                Ok(None) => return true,
                Ok(Some(found)) if found.has_ended() => return true,
                Ok(Some(_)) => tokio::time::sleep(self.timing.poll).await,
                // It has been asked for as often as the timing says.
                Err(_) => return false,
            }
        }
        false
    }
}
