//! Defines the arguments of `pull-data`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::reason;
use crate::settings::Unclassified;

/// Load a backup into the local database, scrubbed on the way.
///
/// The newest completed backup is streamed over HTTP. Personal data is dropped or rewritten in
/// memory, and the written rows are audited. The new database is built beside the one in use, and
/// takes its place when it is complete. The old one is kept as NAME_previous.
#[derive(Debug, Clone, Args)]
#[command(
    group = ArgGroup::new("personal_data").args(["no_scrub", "undo"]),
    after_help = "Examples:\n  bcops pull-data production\n  bcops pull-data production --dry-run\n  \
bcops pull-data production --yes          # from CI\n  bcops pull-data --file latest.dump\n  \
bcops pull-data --undo"
)]
pub struct PullDataArgs {
    /// The environment whose backup to load
    #[arg(value_name = "ENV", required_unless_present_any = ["file", "undo", "drop_previous"], conflicts_with_all = ["file", "undo", "drop_previous"])]
    pub environment: Option<String>,

    /// Load this backup, for example b123, instead of the newest one
    #[arg(long, value_name = "BACKUP", conflicts_with_all = ["capture", "file", "undo"])]
    pub backup: Option<String>,

    /// Capture a fresh backup first; asks for the app's name
    #[arg(long, conflicts_with_all = ["file", "undo"])]
    pub capture: bool,

    /// Read a backup file, or standard input with `-`; it is scrubbed like any other
    #[arg(long, value_name = "DUMP", conflicts_with = "undo")]
    pub file: Option<PathBuf>,

    /// Exchange the local database and NAME_previous; one that was pulled with --no-scrub needs
    /// --i-need-personal-data
    #[arg(long)]
    pub undo: bool,

    /// Drop NAME_previous, the database that an earlier pull kept, and do nothing else
    #[arg(long, conflicts_with_all = ["file", "undo", "backup", "capture", "no_scrub", "set_password"])]
    pub drop_previous: bool,

    /// Accept a backup older than `backup_max_age`
    #[arg(long)]
    pub allow_old: bool,

    /// Load rows and build indexes in this many sessions each; by default one a core, but 2 to 4
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: Option<u16>,

    /// Load personal data unscrubbed; needs --i-need-personal-data
    #[arg(long, requires = "i_need_personal_data", conflicts_with = "undo")]
    pub no_scrub: bool,

    /// Why you need personal data on this machine; kept in the journal
    #[arg(long, value_name = "REASON", requires = "personal_data", value_parser = reason::parse)]
    pub i_need_personal_data: Option<String>,

    /// What to do with tables and columns without a class in the scrub manifest: stop, or load them
    /// empty
    #[arg(long, value_name = "WHAT", value_enum, conflicts_with_all = ["no_scrub", "undo"])]
    pub unclassified: Option<Unclassified>,

    /// Create this table without its rows; may be repeated
    #[arg(long, value_name = "TABLE")]
    pub exclude_data: Vec<String>,

    /// Keep the replaced database as NAME_previous (the default)
    #[arg(long, overrides_with = "no_keep_previous")]
    pub keep_previous: bool,

    /// Drop the replaced database
    #[arg(long, overrides_with = "keep_previous")]
    pub no_keep_previous: bool,

    /// Set a password for all superusers, asked for or read from BCOPS_LOCAL_PASSWORD; later:
    /// bcops password
    #[arg(long)]
    pub set_password: bool,

    /// The local database to replace, instead of the one in the local URL
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub target: Option<String>,

    /// Show the backup and the rule for each table, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Replace the local database without asking; --capture still needs --confirm
    #[arg(short, long)]
    pub yes: bool,

    /// Confirm with this name instead of typing it: the local database, or with --capture the app;
    /// may be repeated
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
}
