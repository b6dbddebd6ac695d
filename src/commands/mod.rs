//! Runs the commands: one file or folder each. Their arguments come from `cli`.

pub mod addons;
mod backup_file;
pub mod backups;
mod capture;
pub mod check;
pub mod complete;
pub mod config;
mod confirm;
mod context;
pub mod doctor;
mod dropped;
mod dyno;
mod findings;
mod generated;
mod journal;
mod junit;
pub mod manifest;
pub mod media;
pub mod password;
pub mod pull_data;
pub mod purge_cache;
mod reason;
pub mod reset_staging;
mod rows;
pub mod runs;
pub mod schemas;
pub mod scrub_pii;
mod scrub_target;
pub mod search;
mod superusers;
pub(crate) mod unfinished;
mod unscrubbed;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

pub use context::{Context, Interrupt};

use crate::cli::Command;
use crate::failure::CommandError;
use crate::json;

/// The result of a command that did its work.
#[derive(Debug)]
pub struct Outcome {
    /// For programs.
    pub result: Value,
    /// For people, on stdout.
    pub text: String,
    /// 0, except where a finding is the result and not a failure.
    pub exit_code: u8,
}

impl Outcome {
    pub fn done(result: impl Serialize, text: impl Into<String>) -> Self {
        Outcome { result: json::document(result), text: text.into(), exit_code: 0 }
    }

    /// With the text that the result itself makes, so that both have the same content.
    pub fn of<T: Serialize + fmt::Display>(result: &T) -> Self {
        Outcome::done(result, result.to_string())
    }

    pub fn with_exit_code(self, exit_code: u8) -> Self {
        Outcome { exit_code, ..self }
    }
}

/// Runs the command.
///
/// An adapter's error does not know its environment, so the commands in its hints get the name
/// here.
pub async fn run(context: &Context, command: &Command) -> Result<Outcome, CommandError> {
    if command.uses_state_folder() {
        context.settings.check_state_folder()?;
    }
    let named = command.environment().and_then(|name| context.settings.environments.get(name));
    run_command(context, command).await.map_err(|error| match named {
        Some(environment) => error.in_environment(&environment.named()),
        None => error,
    })
}

async fn run_command(context: &Context, command: &Command) -> Result<Outcome, CommandError> {
    match command {
        Command::PullData(args) => pull_data::run(context, args).await,
        Command::ScrubPii(args) => scrub_pii::run(context, args).await,
        Command::Manifest(args) => manifest::run(context, args).await,
        Command::PullMedia(args) => media::pull(context, args).await,
        Command::PushMedia(args) => media::push(context, args).await,
        Command::PurgeCache(args) => purge_cache::run(context, args).await,
        Command::Password(args) => password::run(context, args).await,
        Command::ResetStaging(args) => reset_staging::run(context, args).await,
        Command::Runs(args) => runs::run(context, args).await,
        Command::Backups(args) => backups::run(context, args).await,
        Command::Search(args) => search::run(context, args).await,
        Command::Check(args) => check::run(context, args).await,
        Command::Shell(args) => dyno::shell(context, args).await,
        Command::Run(args) => dyno::run(context, args).await,
        Command::Addons(args) => addons::run(context, args).await,
        Command::Config(args) => config::run(context, args),
        Command::Completions(args) => generated::completions(context, args),
        Command::Man(args) => generated::manual(context, args),
        Command::Doctor(args) => doctor::run(context, args).await,
    }
}
