//! Reads the command line: clap definitions, and nothing else.
//!
//! The names of the old fab tasks (`pull-production-data`) are made from the configured
//! environments. Help names them in one line, and completion offers those that can work.

mod addons;
mod backups;
mod check;
pub mod complete;
mod config;
mod doctor;
#[cfg(test)]
mod documented;
mod dyno;
mod fab;
mod generated;
mod manifest;
mod media;
mod names;
mod overview;
mod password;
mod pull_data;
mod pull_media;
mod purge_cache;
mod push_media;
pub mod reason;
mod reset_staging;
#[cfg(test)]
mod retry_test;
mod runs;
mod scrub_pii;
mod search;

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use addons::AddonsArgs;
pub use backups::{
    BackupsArgs, BackupsWork, CaptureArgs, DownloadArgs, ListArgs, OneBackupArgs, UrlArgs,
};
pub use check::CheckArgs;
pub use config::{ConfigArgs, ConfigWork, InitArgs, TrustArgs, UntrustArgs};
pub use doctor::DoctorArgs;
pub use dyno::{DynoArgs, RunArgs, ShellArgs};
pub use generated::{CompletionsArgs, ManArgs, manual, pages};
pub use manifest::{
    ExplainArgs, ManifestArgs, ManifestCheckArgs, ManifestDatabaseArgs, ManifestWork,
};
pub use media::TransferArgs;
pub use overview::short as overview;
pub use password::PasswordArgs;
pub use pull_data::PullDataArgs;
pub use pull_media::PullMediaArgs;
pub use purge_cache::PurgeCacheArgs;
pub use push_media::PushMediaArgs;
pub use reset_staging::ResetArgs;
pub use runs::{ResumeArgs, RollbackArgs, RunsArgs, RunsWork, ShowArgs, UnlockArgs};
pub use scrub_pii::ScrubPiiArgs;
pub use search::{SearchArgs, SearchOpenArgs, SearchReindexArgs, SearchStatusArgs, SearchWork};

use crate::ui::ColorChoice;

/// The runbooks of a Wagtail site on Heroku as one safe, fast command
#[derive(Debug, Parser)]
#[command(name = "bcops", version, propagate_version = false, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 configuration, 4 refused by a guard, \
5 not confirmed, 6 the plan is stale, 7 locked, 8 a remote job failed, 9 personal data remains, 11 partly done, 130 interrupted."
)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,

    #[command(subcommand)]
    command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct GlobalArgs {
    /// Read this file instead of searching for bcops.toml; BCOPS_CONFIG does the same
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Print one JSON document with the result on stdout
    #[arg(long, global = true)]
    pub json: bool,

    /// Print more, such as requests to APIs; -vv adds their headers and bodies, without secrets
    #[arg(short, long, global = true, conflicts_with = "quiet", action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Print warnings and errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,

    /// Never ask: fail where an answer is needed
    #[arg(long, global = true)]
    pub no_input: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    PullData(PullDataArgs),
    ScrubPii(ScrubPiiArgs),
    Manifest(ManifestArgs),
    PullMedia(PullMediaArgs),
    PushMedia(PushMediaArgs),
    PurgeCache(PurgeCacheArgs),
    Password(PasswordArgs),
    ResetStaging(Box<ResetArgs>),
    Runs(RunsArgs),
    Backups(BackupsArgs),
    Search(SearchArgs),
    Check(CheckArgs),
    Shell(ShellArgs),
    Run(RunArgs),
    Addons(AddonsArgs),
    Doctor(DoctorArgs),
    Config(ConfigArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

impl Command {
    /// The command's own name, whatever name it was called by.
    pub fn name(&self) -> &'static str {
        match self {
            Command::PullData(_) => "pull-data",
            Command::ScrubPii(_) => "scrub-pii",
            Command::Manifest(_) => "manifest",
            Command::PullMedia(_) => "pull-media",
            Command::PushMedia(_) => "push-media",
            Command::PurgeCache(_) => "purge-cache",
            Command::Password(_) => "password",
            Command::ResetStaging(_) => "reset-staging",
            Command::Runs(_) => "runs",
            Command::Backups(_) => "backups",
            Command::Search(_) => "search",
            Command::Check(_) => "check",
            Command::Shell(_) => "shell",
            Command::Run(_) => "run",
            Command::Addons(_) => "addons",
            Command::Doctor(_) => "doctor",
            Command::Config(_) => "config",
            Command::Completions(_) => "completions",
            Command::Man(_) => "man",
        }
    }

    /// Whether it works whatever is wrong with the configuration.
    pub fn works_without_configuration(&self) -> bool {
        match self {
            Command::Completions(_) | Command::Man(_) => true,
            Command::Config(args) => !matches!(args.work, ConfigWork::Show),
            _ => false,
        }
    }

    /// Whether it reads or writes the state folder. `doctor` looks at the folder itself.
    pub fn uses_state_folder(&self) -> bool {
        !matches!(
            self,
            Command::Completions(_)
                | Command::Man(_)
                | Command::Config(_)
                | Command::Doctor(_)
                | Command::Manifest(ManifestArgs { work: ManifestWork::Check(_) })
        )
    }

    /// Whether it runs, and reports the problem, where a file is not trusted.
    pub fn shows_missing_trust(&self) -> bool {
        matches!(self, Command::Config(_) | Command::Doctor(_))
    }

    /// The environment of a command that works on one only: a reset and its runs work on two.
    pub fn environment(&self) -> Option<&str> {
        match self {
            Command::PullData(args) => args.environment.as_deref(),
            Command::ScrubPii(args) => args.environment.as_deref(),
            Command::Manifest(args) => args.work.environment(),
            Command::PullMedia(args) => args.environment.as_deref(),
            Command::PushMedia(args) => args.environment.as_deref(),
            Command::PurgeCache(args) => Some(&args.environment),
            Command::Backups(args) => Some(args.work.environment()),
            Command::Search(args) => Some(args.work.environment()),
            Command::Check(args) => Some(&args.environment),
            Command::Shell(args) => args.environment.as_deref(),
            Command::Run(args) => Some(&args.environment),
            Command::Addons(args) => Some(&args.environment),
            Command::ResetStaging(_)
            | Command::Password(_)
            | Command::Runs(_)
            | Command::Doctor(_)
            | Command::Config(_)
            | Command::Completions(_)
            | Command::Man(_) => None,
        }
    }
}

/// What the user asked for.
#[derive(Debug)]
pub struct Invocation {
    pub global: GlobalArgs,
    pub command: Command,
}

/// The commands alone, each listed like any other.
fn bare() -> clap::Command {
    Cli::command()
}

/// The whole command, with the fab names of these environments.
pub fn command(environments: &[String]) -> clap::Command {
    let commands = overview::grouped(bare(), environments);
    names::with_underscores(fab::add_names(commands, environments, |_, _| true))
}

/// The command for completion: a fab name that always refuses is not part of it.
fn offered(environments: &[String], is_protected: impl Fn(&str) -> bool) -> clap::Command {
    let can_work = |environment: &str, writes: bool| !(writes && is_protected(environment));
    let command = fab::add_names(bare(), environments, can_work);
    names::with_underscores(command.mut_subcommands(|one| one.hide(false)))
}

/// Reads the command line. The error prints itself, and knows whether it is one: `--help` is not.
pub fn parse<I>(arguments: I, environments: &[String]) -> Result<Invocation, clap::Error>
where
    I: IntoIterator<Item = std::ffi::OsString>,
{
    let command = command(environments);
    let matches = command.clone().try_get_matches_from(arguments);
    let matches = matches.map_err(|error| names::with_likely_commands(error, &command))?;
    let global = GlobalArgs::from_arg_matches(&matches)?;
    if let Some(command) = fab::command(&matches, environments)? {
        return Ok(Invocation { global, command });
    }
    let cli = Cli::from_arg_matches(&matches)?;
    Ok(Invocation { global: cli.global, command: cli.command })
}

/// `--config FILE`, read before the rest of the command line: which commands exist depends on it.
pub fn config_file(arguments: &[std::ffi::OsString]) -> Option<PathBuf> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        // A command for a dyno follows, with flags of its own.
        if argument == "--" {
            return None;
        }
        if argument == "--config" {
            return rest.next().map(PathBuf::from);
        }
        if let Some(path) = argument.to_str().and_then(|text| text.strip_prefix("--config=")) {
            return Some(PathBuf::from(path));
        }
    }
    None
}
