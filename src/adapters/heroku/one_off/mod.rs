//! One-off dynos: commands that run where an app runs.
//!
//! The output comes over the rendezvous, a bare TLS connection, and the exit status inside of it.
//! Where the connection breaks, the exit status is not known, and that is what the error says.

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
    /// For a shell: see [`command_line`].
    pub command: String,
    /// With a terminal, output and error output come as a terminal shows them, and the terminal
    /// echoes what it is sent. Without one they come as they are.
    pub terminal: Option<Window>,
    /// Added to the config vars of the app.
    pub environment: BTreeMap<String, String>,
    /// `standard-2x`; the app's own size without it.
    pub size: Option<String>,
    /// After this time Heroku ends the dyno, whatever has become of bcops.
    pub time_to_live: Duration,
}

/// The terminal that the dyno has to draw for.
#[derive(Debug, Clone)]
pub struct Window {
    /// `xterm-256color`.
    pub kind: String,
    pub columns: u16,
    pub rows: u16,
}

/// When to give a command up.
#[derive(Debug, Clone)]
pub struct Limits {
    pub total: Duration,
    /// Without a byte either way.
    pub idle: Option<Duration>,
    /// How much of the output is kept where it is captured.
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
    /// Without a terminal, for at most an hour.
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
    /// Starts a dyno for the command line `line`, which is unlike that of every other dyno.
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

    /// A dyno whose request got no answer may run, but nobody can attach to it: it is looked for
    /// and stopped.
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

/// The command line that runs a command on an app and tells its exit status.
fn line_for(app: &DestinationApp, one_off: &OneOff, sentinel: &Sentinel) -> String {
    match app.needs_launcher() {
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
