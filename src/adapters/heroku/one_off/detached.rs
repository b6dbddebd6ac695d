//! Runs commands without a connection, for networks that block the rendezvous's port.
//!
//! Output and exit status come through the log, which loses lines. A command has ended when its
//! dyno is gone. If the log has not shown the exit status by then, it is unknown.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::logs::{Line, Reader};
use super::sentinel::Sentinel;
use super::{Limits, OneOff, OneOffError, StopReason, line_for};
use crate::adapters::heroku::timing::FailedPolls;
use crate::adapters::heroku::{DestinationApp, Heroku, HerokuError};

/// A command that runs without a connection. It can be saved, and followed later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detached {
    pub id: String,
    /// `run.1234`.
    pub dyno: String,
    /// Marks the exit status among other output.
    word: String,
}

/// What the log has shown so far.
struct Heard {
    reader: Reader,
    sentinel: Sentinel,
    exited: Option<u8>,
    /// Output that was not written yet.
    pending: Vec<u8>,
}

/// Why bcops stopped reading the log.
enum Unheard {
    /// The output cannot be written.
    Output(std::io::Error),
    Silent,
}

impl Heroku {
    /// Starts a command without input, and does not wait for it.
    pub async fn start_detached(
        &self,
        app: &DestinationApp,
        one_off: &OneOff,
    ) -> Result<Detached, HerokuError> {
        let sentinel = Sentinel::new();
        let line = line_for(app, one_off, &sentinel);
        let started = self.start_one_off(app, one_off, &line, false).await?;
        let word = sentinel.word().to_owned();
        Ok(Detached { id: started.id, dyno: started.name, word })
    }

    /// Copies the command's output from the log until the command ends, and returns its exit
    /// status.
    pub async fn follow_detached(
        &self,
        app: &DestinationApp,
        detached: &Detached,
        output: &mut (impl AsyncWrite + Unpin),
        limits: &Limits,
        stop: impl Future<Output = ()>,
    ) -> Result<u8, HerokuError> {
        let mut heard = Heard {
            reader: Reader::new(&detached.dyno),
            sentinel: Sentinel::with_word(&detached.word),
            exited: None,
            pending: Vec::new(),
        };
        let dyno = || detached.dyno.clone();
        let gone = tokio::select! {
            gone = self.until_gone(app, detached) => Some(gone),
            unheard = self.listen(app, detached, &mut heard, output, limits.idle) => {
                return Err(self.unheard(app, dyno(), unheard).await);
            }
            () = tokio::time::sleep(limits.total) => None,
            () = stop => {
                return Err(self.give_up(app, dyno(), StopReason::Interrupted).await);
            }
        };
        match gone {
            None => return Err(self.give_up(app, dyno(), StopReason::TotalTime).await),
            Some(gone) => gone?,
        }
        // The last lines may arrive after the dyno is gone.
        let waited = Instant::now();
        while heard.status().is_none() && waited.elapsed() < self.timing.grace {
            let listening = self.listen(app, detached, &mut heard, output, None);
            if let Ok(unheard) = tokio::time::timeout(self.timing.poll * 2, listening).await {
                return Err(self.unheard(app, dyno(), unheard).await);
            }
        }
        let written = heard.pass_on(output).await;
        written.map_err(|cause| OneOffError::Output { dyno: dyno(), cause })?;
        match heard.status() {
            Some(status) => Ok(status),
            None => Err(self.exit_unknown(app, dyno()).await.into()),
        }
    }

    /// Waits until the dyno has ended or is gone, and tolerates some failed polls.
    async fn until_gone(
        &self,
        app: &DestinationApp,
        detached: &Detached,
    ) -> Result<(), HerokuError> {
        let mut failed_polls = FailedPolls::default();
        loop {
            let found = self.dyno(app.id(), &detached.dyno).await;
            let what = detached.dyno.clone();
            let unseen = |polls, cause| HerokuError::JobUnseen { what, polls, cause };
            if let Some(found) = failed_polls.pass(found, &self.timing, unseen)?
                && found.is_none_or(|dyno| dyno.has_ended())
            {
                return Ok(());
            }
            tokio::time::sleep(self.timing.poll).await;
        }
    }

    /// Reads one log stream after the other, until the log was silent for longer than `idle`. A
    /// stream that cannot be opened is not an error.
    async fn listen(
        &self,
        app: &DestinationApp,
        detached: &Detached,
        heard: &mut Heard,
        output: &mut (impl AsyncWrite + Unpin),
        idle: Option<Duration>,
    ) -> Unheard {
        let left =
            |last: Instant| idle.map_or(Duration::MAX, |idle| idle.saturating_sub(last.elapsed()));
        let mut last = Instant::now();
        while !left(last).is_zero() {
            if let Err(cause) = heard.pass_on(output).await {
                return Unheard::Output(cause);
            }
            heard.reader.restart();
            let opening = timeout(left(last), self.open_log(app, &detached.dyno));
            if let Ok(Ok(mut response)) = opening.await {
                while let Ok(Ok(Some(chunk))) = timeout(left(last), response.chunk()).await {
                    last = Instant::now();
                    heard.take(&chunk);
                    if let Err(cause) = heard.pass_on(output).await {
                        return Unheard::Output(cause);
                    }
                }
            }
            tokio::time::sleep(self.timing.poll).await;
        }
        Unheard::Silent
    }

    async fn unheard(&self, app: &DestinationApp, dyno: String, unheard: Unheard) -> HerokuError {
        match unheard {
            Unheard::Output(cause) => OneOffError::Output { dyno, cause }.into(),
            Unheard::Silent => self.give_up(app, dyno, StopReason::Silence).await,
        }
    }
}

impl Heard {
    fn take(&mut self, bytes: &[u8]) {
        for line in self.reader.pass(bytes) {
            match line {
                Line::Exited(status) => self.exited = Some(status),
                Line::Command(mut text) => {
                    text.push('\n');
                    self.pending.extend(self.sentinel.pass(text.as_bytes()));
                }
            }
        }
    }

    /// Can be cancelled at any moment without losing output.
    async fn pass_on(&mut self, output: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
        while !self.pending.is_empty() {
            let written = output.write(&self.pending).await?;
            self.pending.drain(..written.min(self.pending.len()));
            if written == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
        }
        output.flush().await
    }

    /// The command's own exit status, else a failure that Heroku reports for the shell around it.
    /// The shell's success says nothing about the command.
    fn status(&self) -> Option<u8> {
        self.sentinel.status().or(self.exited.filter(|status| *status != 0))
    }
}
