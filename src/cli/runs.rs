//! Defines the arguments of `runs list|show|resume|rollback|unlock`.

use clap::{Args, Subcommand};

/// List, show, resume, roll back or unlock past runs.
#[derive(Debug, Clone, Args)]
pub struct RunsArgs {
    #[command(subcommand)]
    pub work: RunsWork,
}

#[derive(Debug, Clone, Subcommand)]
pub enum RunsWork {
    /// List the runs of this machine, the newest first
    List,
    /// Print a short summary of a run, or its whole report
    Show(ShowArgs),
    /// Continue a run after a kill, a failure or a decision
    Resume(ResumeArgs),
    /// Put back what a run changed: branch, database, dynos, maintenance
    Rollback(RollbackArgs),
    /// Break the lock of an abandoned run, after showing its holder
    Unlock(UnlockArgs),
}

#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// The run, or the beginning of its name; the newest without it
    #[arg(value_name = "RUN")]
    pub run: Option<String>,

    /// Print the whole report in Markdown
    #[arg(long)]
    pub markdown: bool,

    /// Print the whole report as one HTML page
    #[arg(long, conflicts_with = "markdown")]
    pub html: bool,
}

#[derive(Debug, Clone, Args)]
pub struct ResumeArgs {
    /// The run, or the beginning of its name
    #[arg(value_name = "RUN")]
    pub run: String,

    /// `agreed`: the client and the other developers know about the reset
    #[arg(long, value_name = "WORD", value_parser = ["agreed"])]
    pub attest: Option<String>,

    /// For a branch in conflict: skip the branch, or stop the run
    #[arg(long, value_name = "WHAT", value_parser = ["skip", "stop"])]
    pub on_conflict: Option<String>,

    /// Refuse to delete more than this from staging's bucket: a number, or a share such as 30%
    #[arg(long, value_name = "N|N%")]
    pub max_delete: Option<crate::media::MaxDelete>,

    /// Media to copy, if they are not copied yet: originals, all or none
    #[arg(long, value_name = "WHICH")]
    pub media: Option<crate::reset::MediaChoice>,

    /// Skip a stage that has not begun; may be repeated
    #[arg(long, value_name = "STAGE")]
    pub skip: Vec<String>,

    /// Whether to open staging at the end, if someone closed it before the run: yes or no
    #[arg(long, value_name = "yes|no")]
    pub open: Option<crate::reset::OpenAtEnd>,
}

#[derive(Debug, Clone, Args)]
pub struct RollbackArgs {
    /// The run, or the beginning of its name
    #[arg(value_name = "RUN")]
    pub run: String,

    /// Show what would be put back, and change nothing
    #[arg(long, conflicts_with = "confirm")]
    pub dry_run: bool,

    /// Confirm with the app's name, instead of typing it
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,

    /// Also lose what later runs and later commits changed on the same staging
    #[arg(long)]
    pub past_later_runs: bool,
}

#[derive(Debug, Clone, Args)]
pub struct UnlockArgs {
    /// The run that holds the lock, by its full name
    #[arg(value_name = "RUN")]
    pub run: String,

    /// The environment with the locked branch, for a run of another machine
    #[arg(long, value_name = "ENV", default_value = "staging")]
    pub environment: String,

    /// Confirm with the run's name, instead of typing it
    #[arg(long, value_name = "RUN")]
    pub confirm: Vec<String>,

    /// Break the lock even if the run was active a few minutes ago, or its process still runs. This
    /// answers no question: --confirm does
    #[arg(long)]
    pub force: bool,
}
