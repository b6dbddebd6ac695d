//! `reset-staging`.

use std::path::PathBuf;

use clap::Args;

use crate::media::MaxDelete;
use crate::reset::{MediaChoice, OpenAtEnd, RestoreVia};

const CHOICES: &str = "What is decided";

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Every question can be answered by a flag, so that CI can run it. Stages: preflight, git, quarantine,
database, media, cleanup, comms. The stage database never runs without quarantine around it.

Examples:
  bcops reset-staging --dry-run
  bcops reset-staging
  bcops reset-staging --attest agreed --branches all --recreate-users none --confirm APP
  bcops runs resume RUN        # after a kill, a failure or a decision
  bcops runs rollback RUN      # puts branch, database, dynos and maintenance back")]
pub struct ResetArgs {
    /// Not on the command line: the fab names give it
    #[arg(skip)]
    pub environment: Option<String>,

    /// The environment whose data and media are taken
    #[arg(long, value_name = "ENV", default_value = "production", help_heading = CHOICES)]
    pub from: String,

    /// `agreed`: the client and the other developers know of it
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

    /// Accounts of staging alone to put back: all, none, or e-mail addresses with commas
    #[arg(long, value_name = "WHO", help_heading = CHOICES)]
    pub recreate_users: Option<String>,

    /// A branch in conflict: skip leaves it out, stop pauses the run
    #[arg(long, value_name = "WHAT", value_parser = ["skip", "stop"], default_value = "stop")]
    #[arg(help_heading = CHOICES)]
    pub on_conflict: String,

    /// How the backup comes to staging: stream scrubs it on the way, heroku afterwards
    #[arg(long, value_name = "WAY", default_value = "stream", help_heading = CHOICES)]
    pub restore_via: RestoreVia,

    /// Leave a stage out; may be given several times
    #[arg(long, value_name = "STAGE", help_heading = CHOICES)]
    pub skip: Vec<String>,

    /// How many objects may be deleted from staging's bucket: a number or a share
    #[arg(long, value_name = "N|N%", help_heading = CHOICES)]
    pub max_delete: Option<MaxDelete>,

    /// Open staging at the end if someone closed it before the run: yes or no
    #[arg(long, value_name = "yes|no", help_heading = CHOICES)]
    pub open: Option<OpenAtEnd>,

    /// Show what would be done, and change nothing
    #[arg(long, conflicts_with_all = ["plan", "confirm"])]
    pub dry_run: bool,

    /// Write the plan to a file, for --plan, and change nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plan", "confirm"])]
    pub plan_out: Option<PathBuf>,

    /// Run exactly this plan, or refuse it as stale
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["from", "branches", "backup", "media", "recreate_users",
        "on_conflict", "restore_via", "skip", "max_delete"])]
    pub plan: Option<PathBuf>,

    /// Answer the question for the app's name
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
}
