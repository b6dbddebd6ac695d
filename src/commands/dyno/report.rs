//! Writes the messages about a command on a dyno.

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::heroku::{HerokuError, OneOffError, StopReason, quoted};
use crate::commands::Outcome;
use crate::failure::{CommandError, FailureKind};
use crate::settings::Environment;

use super::Wanted;
use super::streams::{Ended, Streams};
use super::target::DynoTarget;

/// The result of `--dry-run`.
#[derive(Serialize, JsonSchema)]
pub struct Planned<'a> {
    /// Always true.
    dry_run: bool,
    environment: &'a str,
    app: &'a str,
    command: &'a str,
    /// The dyno's size. `null` for the app's own.
    size: Option<&'a str>,
    /// The names of the variables that the command gets.
    variables: Vec<&'a str>,
    terminal: bool,
    /// In seconds.
    time_limit: u64,
}

/// The result of a command on a dyno.
#[derive(Serialize, JsonSchema)]
pub struct Ran<'a> {
    environment: &'a str,
    app: &'a str,
    command: &'a str,
    dyno: &'a str,
    /// The command's exit status, which is also the exit code of bcops.
    exit_status: u8,
    /// The command's output, where it did not go to the screen.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    /// How many bytes of the output were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    output_left_out: Option<u64>,
}

/// Refuses a protected environment: a shell can change anything.
pub fn protected(environment: &Environment, wanted: &Wanted<'_>) -> CommandError {
    let (name, app) = (&environment.name, &environment.app.value);
    let text = format!(
        "{name} ({app}) is protected, and a command there could change anything; nothing was run"
    );
    CommandError::new(FailureKind::Refused, text).hint(format!(
        "run it on your own responsibility, without bcops: heroku run{} --app {} -- {}",
        wanted.heroku_flags,
        quoted(app),
        wanted.line
    ))
}

pub fn beginning(target: &DynoTarget, wanted: &Wanted<'_>) -> String {
    let way_out = match wanted.streams {
        Streams::Terminal(_) => "; Enter ~ . leaves it",
        Streams::Encoded { .. } | Streams::Plain { .. } => "",
    };
    let (app, environment) = (target.app.name(), &target.destination.name);
    format!("`{}` on a one-off dyno of {app} ({environment}){way_out}", wanted.line)
}

pub fn dry_run(target: &DynoTarget, wanted: &Wanted<'_>) -> Outcome {
    let (app, environment) = (target.app.name(), &target.destination.name);
    let names = wanted.dyno.variables.iter();
    let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
    let size = wanted.dyno.size.as_deref();
    let has_terminal = wanted.streams.window().is_some();
    let hours = wanted.dyno.time_limit;
    let mut text = format!(
        "`{}` would run on a one-off dyno of {app} ({environment})\nsize  {}\nlimit {}\ntty   {}",
        wanted.line,
        size.unwrap_or("the app's own"),
        crate::words::duration(hours),
        if has_terminal { "yes" } else { "no" },
    );
    if !names.is_empty() {
        text.push_str(&format!("\nwith  {}", names.join(", ")));
    }
    text.push_str("\ndry run: no dyno was started");
    let result = Planned {
        dry_run: true,
        environment,
        app,
        command: &wanted.line,
        size,
        variables: names,
        terminal: has_terminal,
        time_limit: hours.as_secs(),
    };
    Outcome::done(result, text)
}

/// Returns the command's own exit code.
pub fn done(target: &DynoTarget, wanted: &Wanted<'_>, ended: Ended) -> Outcome {
    let (output, output_left_out) = match ended.output {
        Some((output, left_out)) => {
            (Some(String::from_utf8_lossy(&output).into_owned()), Some(left_out))
        }
        None => (None, None),
    };
    let result = Ran {
        environment: &target.destination.name,
        app: target.app.name(),
        command: &wanted.line,
        dyno: &ended.dyno,
        exit_status: ended.exit_status,
        output,
        output_left_out,
    };
    // The command's output is already on the screen.
    Outcome::done(result, "").with_exit_code(ended.exit_status)
}

pub fn failed(error: HerokuError, target: &DynoTarget) -> CommandError {
    let app = quoted(target.app.name()).into_owned();
    let hint = match &error {
        HerokuError::OneOff(OneOffError::GivenUp { reason: StopReason::TotalTime, .. }) => {
            Some("give the command more time: --time-limit 12h, up to 24h".to_owned())
        }
        HerokuError::OneOff(OneOffError::NoRendezvous { .. }) => {
            Some(format!("use Heroku's own command: heroku run --app {app}"))
        }
        HerokuError::OneOff(OneOffError::ExitUnknown { dyno, .. }) => {
            Some(format!("read its last output: heroku logs --dyno {dyno} --app {app}"))
        }
        HerokuError::OneOff(OneOffError::GivenUp { stop_failed: Some(_), dyno, .. }) => {
            Some(format!("stop the dyno: heroku ps:stop {dyno} --app {app}"))
        }
        _ => None,
    };
    let error = CommandError::from(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
