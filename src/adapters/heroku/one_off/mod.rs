//! Runs commands in one-off dynos of an app.
//!
//! The output and the exit status come over the rendezvous, a bare TLS connection. If the
//! connection breaks, the exit status is unknown, and the error says so.

mod capture;
mod detached;
mod encoded;
mod error;
mod logs;
mod quoting;
mod rendezvous;
mod run;
mod sentinel;
mod session;
mod unattended;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

pub use capture::Capture;
pub use detached::Detached;
pub use encoded::{EncodedInput, with_encoded_input};
pub use error::{DynoFate, OneOffError, StopReason};
pub use logs::{Line as DynoLine, Reader as DynoLogReader};
pub use quoting::{command_line, quoted};
pub use run::Finished;
use sentinel::LAUNCHER;
pub use sentinel::Sentinel;
pub use unattended::through_the_log;

use super::client::Heroku;
use super::destination::DestinationApp;
use super::error::HerokuError;
use crate::secret::Secret;

/// A command for a one-off dyno.
#[derive(Debug, Clone)]
pub struct OneOff {
    /// A line for a shell: see [`command_line`].
    pub command: String,
    /// With a terminal, output and error output are mixed as a terminal shows them, and the
    /// terminal echoes the input. Without one they are unchanged.
    pub terminal: Option<Window>,
    /// Added to the config vars of the app.
    pub environment: BTreeMap<String, String>,
    /// For example `standard-2x`. `None` means the app's own size.
    pub size: Option<String>,
    /// After this time Heroku stops the dyno, even if bcops is gone.
    pub time_to_live: Duration,
}

/// The terminal that shows the dyno's output.
#[derive(Debug, Clone)]
pub struct Window {
    /// `xterm-256color`.
    pub kind: String,
    pub columns: u16,
    pub rows: u16,
}

/// When to stop waiting for a command.
#[derive(Debug, Clone)]
pub struct Limits {
    pub total: Duration,
    /// The longest time without input and output.
    pub idle: Option<Duration>,
    /// How much output is kept when it is captured.
    pub output: usize,
}

#[derive(Debug, Deserialize)]
struct Started {
    id: String,
    name: String,
    #[serde(default)]
    attach_url: Option<Secret>,
}

impl OneOff {
    /// A command without a terminal, for at most an hour.
    pub fn new(command: impl Into<String>) -> Self {
        OneOff {
            command: command.into(),
            terminal: None,
            environment: BTreeMap::new(),
            size: None,
            time_to_live: Duration::from_secs(3600),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits { total: Duration::from_secs(3600), idle: None, output: 1 << 20 }
    }
}

impl Heroku {
    /// Starts a dyno for the command line `line`, which is unique to this dyno.
    async fn start_one_off(
        &self,
        app: &DestinationApp,
        one_off: &OneOff,
        line: &str,
        attach: bool,
    ) -> Result<Started, HerokuError> {
        let path = ["apps", app.id(), "dynos"];
        let what = format!("a one-off dyno of {}", app.name());
        let body = body(one_off, line, attach);
        match self.post(self.platform(&path, what), Some(&body)).await {
            Err(cause) if cause.leaves_doubt() => Err(self.end_lost_dyno(app, line, cause).await),
            other => other,
        }
    }

    /// Finds and stops a dyno whose request got no answer. It may run, but no one can attach to it.
    async fn end_lost_dyno(
        &self,
        app: &DestinationApp,
        line: &str,
        cause: HerokuError,
    ) -> HerokuError {
        let stopped = async {
            let dynos = self.dynos(app.id()).await?;
            match dynos.into_iter().find(|dyno| dyno.command == line) {
                Some(dyno) => self.stop_dyno(app, &dyno.name).await.map(|()| Some(dyno.name)),
                None => Ok(None),
            }
        };
        let lost = match stopped.await {
            Ok(stopped) => OneOffError::NotStarted { stopped, cause: Box::new(cause) },
            Err(_) => OneOffError::StartUnclear { cause: Box::new(cause) },
        };
        lost.into()
    }
}

/// The command line that runs a command on an app and prints its exit status.
fn line_for(app: &DestinationApp, one_off: &OneOff, sentinel: &Sentinel) -> String {
    match app.is_fir() {
        true => sentinel.appended_to(&format!("{LAUNCHER}{}", one_off.command)),
        false => sentinel.appended_to(&one_off.command),
    }
}

fn body(one_off: &OneOff, line: &str, attach: bool) -> Value {
    let mut environment: BTreeMap<&str, Value> =
        one_off.environment.iter().map(|(name, value)| (name.as_str(), json!(value))).collect();
    match &one_off.terminal {
        Some(window) => {
            environment.insert("TERM", json!(window.kind));
            environment.insert("COLUMNS", json!(window.columns));
            environment.insert("LINES", json!(window.rows));
        }
        None => _ = environment.insert("TERM", json!("dumb")),
    }
    // Heroku takes whole seconds, up to a day.
    let time_to_live = one_off.time_to_live.as_secs().clamp(1, 86_400);
    let mut body = serde_json::Map::from_iter([
        ("attach".to_owned(), json!(attach)),
        ("command".to_owned(), json!(line)),
        ("env".to_owned(), json!(environment)),
        ("time_to_live".to_owned(), json!(time_to_live)),
    ]);
    if one_off.terminal.is_none() {
        body.insert("force_no_tty".to_owned(), json!(true));
    }
    if let Some(size) = &one_off.size {
        body.insert("size".to_owned(), json!(size));
    }
    body.into()
}
