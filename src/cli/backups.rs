//! Defines the arguments of `backups`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::reason;

/// List, capture, show or download Heroku Postgres backups.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  bcops backups list production\n  bcops backups capture staging\n  \
bcops backups download production scrubbed.dump"
)]
pub struct BackupsArgs {
    #[command(subcommand)]
    pub work: BackupsWork,
}

#[derive(Debug, Clone, Subcommand)]
pub enum BackupsWork {
    /// List every backup, restore and copy, the newest first
    List(ListArgs),
    /// Capture a backup now, and wait for its end; asks for the app's name
    Capture(CaptureArgs),
    /// Show one backup with its log; by default the newest
    Info(OneBackupArgs),
    /// Print a URL from which anyone can fetch the backup for about an hour, personal data included
    Url(UrlArgs),
    /// Download a backup into a file, scrubbed on the way
    Download(DownloadArgs),
}

impl BackupsWork {
    pub fn environment(&self) -> &str {
        match self {
            BackupsWork::List(args) => &args.environment,
            BackupsWork::Capture(args) => &args.environment,
            BackupsWork::Info(args) => &args.environment,
            BackupsWork::Url(args) => &args.backup.environment,
            BackupsWork::Download(args) => &args.environment,
        }
    }
}

#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
}

#[derive(Debug, Clone, Args)]
pub struct CaptureArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// Show what would be captured, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Confirm with the name of this Heroku app, instead of typing it
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
}

#[derive(Debug, Clone, Args)]
pub struct OneBackupArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// The backup, for example b123
    #[arg(value_name = "BACKUP")]
    pub backup: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct UrlArgs {
    #[command(flatten)]
    pub backup: OneBackupArgs,

    /// Why you need personal data; kept in the journal. A protected environment needs a reason
    #[arg(long, value_name = "REASON", value_parser = reason::parse)]
    pub i_need_personal_data: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct DownloadArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// The file to write
    #[arg(value_name = "OUT")]
    pub output: PathBuf,

    /// This backup, for example b123, instead of the newest complete one
    #[arg(long, value_name = "BACKUP")]
    pub backup: Option<String>,

    /// The policy of the scrub manifest
    #[arg(long, value_name = "NAME", default_value = "local", conflicts_with = "no_scrub")]
    pub policy: String,

    /// Replace OUT if it exists
    #[arg(long)]
    pub force: bool,

    /// Show what would be written, and write nothing; a scrubbed backup is read to its end
    #[arg(long)]
    pub dry_run: bool,

    /// Write the backup unscrubbed; needs --i-need-personal-data
    #[arg(long, requires = "i_need_personal_data")]
    pub no_scrub: bool,

    /// Why you need personal data in this file; kept in the journal
    #[arg(long, value_name = "REASON", requires = "no_scrub", value_parser = reason::parse)]
    pub i_need_personal_data: Option<String>,
}
