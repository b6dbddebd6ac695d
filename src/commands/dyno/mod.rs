//! `run` and `shell`: runs a command on a one-off dyno, as if it ran here. Protected environments
//! are refused, because bcops cannot check in advance what a command changes.

mod report;
mod streams;
mod target;

use std::time::Duration;

use crate::adapters::heroku::{OneOff, command_line, with_encoded_input};
use crate::cli::{DynoArgs, RunArgs, ShellArgs};
use crate::commands::{Context, Outcome};
use crate::failure::CommandError;

use self::streams::Streams;

pub use report::{Planned, Ran};

/// Django's own shell, for `shell --django`.
const DJANGO: &str = "python manage.py shell";

/// The command to run, from `run` or `shell`.
struct Wanted<'a> {
    environment: &'a str,
    /// A line for the dyno's shell.
    line: String,
    dyno: &'a DynoArgs,
    streams: Streams,
    /// The flags with which `heroku run` does the same.
    heroku_flags: &'static str,
}

pub async fn run(context: &Context, args: &RunArgs) -> Result<Outcome, CommandError> {
    let line = command_line(&args.command);
    let wanted = Wanted {
        environment: &args.environment,
        heroku_flags: " --exit-code",
        line,
        dyno: &args.dyno,
        streams: Streams::here(context.ui.json(), args.no_tty),
    };
    perform(context, &wanted).await
}

pub async fn shell(context: &Context, args: &ShellArgs) -> Result<Outcome, CommandError> {
    let line = match args.django {
        true => DJANGO.to_owned(),
        false => context.settings.commands.shell.clone(),
    };
    let wanted = Wanted {
        environment: args.environment.as_deref().unwrap_or_default(),
        heroku_flags: "",
        line,
        dyno: &args.dyno,
        streams: Streams::here(context.ui.json(), false),
    };
    perform(context, &wanted).await
}

async fn perform(context: &Context, wanted: &Wanted<'_>) -> Result<Outcome, CommandError> {
    let environment = context.settings.environment(wanted.environment)?;
    if environment.protected {
        return Err(report::protected(environment, wanted));
    }
    let destination = environment.as_destination()?;
    let preparing = target::prepare(context, &destination, &wanted.dyno.variables);
    let target = context.interrupt.guard(preparing).await?;
    if wanted.dyno.dry_run {
        return Ok(report::dry_run(&target, wanted));
    }
    context.ui.message(&report::beginning(&target, wanted));
    let stop = context.interrupt.pressed();
    let (one_off, limit) = (one_off(wanted), wanted.dyno.time_limit);
    let ended = wanted.streams.pass(&target, &one_off, limit, stop).await?;
    Ok(report::done(&target, wanted, ended))
}

fn one_off(wanted: &Wanted<'_>) -> OneOff {
    let line = match wanted.streams.encodes() {
        true => with_encoded_input(&wanted.line),
        false => wanted.line.clone(),
    };
    OneOff {
        terminal: wanted.streams.window(),
        environment: wanted.dyno.variables.iter().cloned().collect(),
        size: wanted.dyno.size.clone(),
        // If bcops cannot stop the dyno, Heroku does a moment later.
        time_to_live: wanted.dyno.time_limit + Duration::from_secs(10),
        ..OneOff::new(line)
    }
}
