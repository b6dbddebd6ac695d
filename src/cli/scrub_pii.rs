//! Defines the arguments of `scrub-pii`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};

/// Remove personal data from a database or a backup file.
///
/// Without ENV, bcops scrubs the local database. It works in one transaction, and commits only when
/// every rule holds and the audit finds nothing. Otherwise the database is unchanged and the exit
/// code is 9. A protected environment is never scrubbed. --check only reads, from any environment.
#[derive(Debug, Clone, Args)]
#[command(
    group = ArgGroup::new("work").args(["check", "dump", "manifest"]),
    after_help = "Examples:\n  bcops scrub-pii                                  # the local database\n  \
bcops scrub-pii staging --dry-run\n  bcops scrub-pii --check production --json\n  \
bcops scrub-pii --dump latest.dump scrubbed.dump\n  bcops scrub-pii --manifest validate\n  \
bcops scrub-pii --manifest suggest --file latest.dump\n  bcops scrub-pii --manifest explain users_user"
)]
pub struct ScrubPiiArgs {
    /// Scrub this environment's database instead of the local one
    #[arg(value_name = "ENV", conflicts_with_all = ["dump", "manifest"])]
    pub environment: Option<String>,

    /// Look for personal data and change nothing
    #[arg(long)]
    pub check: bool,

    /// Write a scrubbed copy of a backup file; `-` is standard input or output
    #[arg(long, num_args = 2, value_names = ["IN", "OUT"])]
    pub dump: Option<Vec<PathBuf>>,

    /// Work on the manifest: `validate [ENV]`, `suggest [ENV]` or `explain TABLE`
    #[arg(long, num_args = 1..=2, value_names = ["TOOL", "ENV|TABLE"])]
    pub manifest: Option<Vec<String>>,

    /// With --manifest: read this backup file instead of a database
    #[arg(long, value_name = "DUMP", requires = "manifest")]
    pub file: Option<PathBuf>,

    /// The policy of the manifest: by default `local`, and `staging` for an environment
    #[arg(long, value_name = "NAME", conflicts_with = "manifest")]
    pub policy: Option<String>,

    /// The local database, instead of the one in the local URL
    #[arg(long, value_name = "NAME", conflicts_with_all = ["environment", "dump"], value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub target: Option<String>,

    /// Stop if a table cannot be locked within this time
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub lock_timeout: Duration,

    /// Stop if a statement takes longer than this
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub statement_timeout: Duration,

    /// Rewrite the files of the changed tables afterwards: no old row stays on the disk
    #[arg(long, conflicts_with_all = ["work", "dry_run"])]
    pub vacuum: bool,

    /// With --dump: replace OUT if it exists. This answers no question: --yes and --confirm do
    #[arg(long, requires = "dump")]
    pub force: bool,

    /// Count what would be changed, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Scrub the local database without asking; an environment needs --confirm
    #[arg(short, long, conflicts_with = "work")]
    pub yes: bool,

    /// Confirm with this name instead of typing it: the environment's app, or the local database;
    /// may be repeated
    #[arg(long, value_name = "NAME", conflicts_with = "work")]
    pub confirm: Vec<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::settings::parse_duration(text)
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "write a number with s, m or h, for example 30s".to_owned())
}
