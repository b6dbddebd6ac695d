//! What is told about a command on a dyno.

use serde_json::{Value, json};

use crate::adapters::heroku::{HerokuError, OneOffError, StopReason, quoted};
use crate::commands::Outcome;
use crate::failure::{CommandError, FailureKind};
use crate::settings::Environment;

use super::Wanted;
use super::streams::{Ended, Streams};
use super::target::Target;

/// A shell can do anything, and production is only ever read.
pub fn protected(environment: &Environment, wanted: &Wanted<'_>) -> CommandError {
    let (name, app) = (&environment.name, &environment.app.value);
    let text = format!(
        "{name} ({app}) is protected, and a command there could change anything; nothing was run"
    );
    CommandError::new(FailureKind::Refused, text).hint(format!(
        "to do it all the same, knowingly and without bcops: heroku run{} --app {} -- {}",
        wanted.heroku_flags,
        quoted(app),
        wanted.line
    ))
}

pub fn beginning(target: &Target, wanted: &Wanted<'_>) -> String {
    let way_out = match wanted.streams {
        Streams::Terminal(_) => "; Enter ~ . leaves it",
        Streams::Encoded { .. } | Streams::Plain { .. } => "",
    };
    let (app, environment) = (target.app.name(), &target.destination.name);
    format!("`{}` on a one-off dyno of {app} ({environment}){way_out}", wanted.line)
}

pub fn dry_run(target: &Target, wanted: &Wanted<'_>) -> Outcome {
    let (app, environment) = (target.app.name(), &target.destination.name);
    let names: Vec<&String> = wanted.dyno.variables.iter().map(|(name, _)| name).collect();
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
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        text.push_str(&format!("\nwith  {}", names.join(", ")));
    }
    text.push_str("\ndry run: no dyno was started");
    let result = json!({
        "dry_run": true, "environment": environment, "app": app, "command": wanted.line,
        "size": size, "variables": names, "terminal": has_terminal, "time_limit": hours.as_secs(),
    });
    Outcome::done(result, text)
}

/// The exit code is the command's own.
pub fn done(target: &Target, wanted: &Wanted<'_>, ended: Ended) -> Outcome {
    let mut result = json!({
        "environment": target.destination.name, "app": target.app.name(),
        "command": wanted.line, "dyno": ended.dyno, "exit_status": ended.exit_status,
    });
    if let (Some((output, left_out)), Some(fields)) = (ended.output, result.as_object_mut()) {
        let output = String::from_utf8_lossy(&output).into_owned();
        fields.insert("output".to_owned(), Value::String(output));
        fields.insert("output_left_out".to_owned(), left_out.into());
    }
    // What the command said is on the screen already.
    Outcome { exit_code: ended.exit_status, ..Outcome::done(result, String::new()) }
}

pub fn failed(error: HerokuError, target: &Target) -> CommandError {
    let app = quoted(target.app.name()).into_owned();
    let hint = match &error {
        HerokuError::OneOff(OneOffError::GivenUp { reason: StopReason::TotalTime, .. }) => {
            Some("give it more time: --time-limit 12h, up to 24h".to_owned())
        }
        HerokuError::OneOff(OneOffError::ExitUnknown { dyno, .. }) => {
            Some(format!("what it said last: heroku logs --dyno {dyno} --app {app}"))
        }
        HerokuError::OneOff(OneOffError::GivenUp { stop_failed: Some(_), dyno, .. }) => {
            Some(format!("heroku ps:stop {dyno} --app {app}"))
        }
        _ => None,
    };
    let error = CommandError::from(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
