//! Defines the arguments of `reset-staging`.

use std::path::PathBuf;

use clap::Args;

use crate::media::MaxDelete;
use crate::reset::{MediaChoice, OpenAtEnd, RestoreVia};

const CHOICES: &str = "Decisions";

/// Reset staging to production: code, data and media.
///
/// The reset runs in planned steps that `bcops runs rollback` can undo. It first shows the plan,
/// then asks for the name of staging's app.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Every question can be answered by a flag: CI can run it. Stages: preflight, git, quarantine,
database, media, cleanup, comms. The stage database never runs without quarantine around it.

Examples:
  bcops reset-staging --dry-run
  bcops reset-staging
  bcops reset-staging --attest agreed --branches all --recreate-users none --confirm APP
  bcops runs resume RUN        # continues after a kill, a failure or a decision
  bcops runs rollback RUN      # puts branch, database, dynos and maintenance back")]
pub struct ResetArgs {
    /// Not on the command line: the fab names give it
    #[arg(skip)]
    pub environment: Option<String>,

    /// Copy data and media from this environment
    #[arg(long, value_name = "ENV", default_value = "production", help_heading = CHOICES)]
    pub from: String,

    /// `agreed`: the client and the other developers know about the reset
    #[arg(long, value_name = "WORD", value_parser = ["agreed"], help_heading = CHOICES)]
    pub attest: Option<String>,

    /// Branches to merge on top of master: all, none, or names with commas
    #[arg(long, value_name = "NAMES", help_heading = CHOICES)]
    pub branches: Option<String>,

    /// The backup to load: newest, or a name such as b123
    #[arg(long, value_name = "BACKUP", help_heading = CHOICES)]
    pub backup: Option<String>,

    /// Media to copy: originals, all or none
    #[arg(long, value_name = "WHICH", default_value = "originals", help_heading = CHOICES)]
    pub media: MediaChoice,

    /// Accounts that only staging has, to put back: all, none, or e-mail addresses with commas
    #[arg(long, value_name = "WHO", help_heading = CHOICES)]
    pub recreate_users: Option<String>,

    /// For a branch in conflict: skip the branch, or stop the run
    #[arg(long, value_name = "WHAT", value_parser = ["skip", "stop"], default_value = "stop")]
    #[arg(help_heading = CHOICES)]
    pub on_conflict: String,

    /// How to load the backup: stream scrubs on the way, heroku restores first and scrubs
    /// afterwards
    #[arg(long, value_name = "WAY", default_value = "stream", help_heading = CHOICES)]
    pub restore_via: RestoreVia,

    /// Skip this stage; may be repeated
    #[arg(long, value_name = "STAGE", help_heading = CHOICES)]
    pub skip: Vec<String>,

    /// Refuse to delete more than this from staging's bucket: a number, or a share such as 30%
    #[arg(long, value_name = "N|N%", help_heading = CHOICES)]
    pub max_delete: Option<MaxDelete>,

    /// Whether to open staging at the end, if someone closed it before the run: yes or no
    #[arg(long, value_name = "yes|no", help_heading = CHOICES)]
    pub open: Option<OpenAtEnd>,

    /// Show what would be done, and change nothing
    #[arg(long, conflicts_with_all = ["plan", "confirm"])]
    pub dry_run: bool,

    /// Write the plan to a file, for --plan, and change nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plan", "confirm"])]
    pub plan_out: Option<PathBuf>,

    /// Run exactly this plan, or refuse it if it is stale
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["from", "branches", "backup", "media", "recreate_users",
        "on_conflict", "restore_via", "skip", "max_delete"])]
    pub plan: Option<PathBuf>,

    /// Confirm with the app's name, instead of typing it. A reset has no --yes
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
}
