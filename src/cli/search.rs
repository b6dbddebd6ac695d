//! `search`.

use clap::{Args, Subcommand};

/// The search cluster of an environment: how it is, its console, its indices built anew.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  bcops search status production\n  bcops search open production --url\n  \
bcops search reindex staging --dry-run"
)]
pub struct SearchArgs {
    #[command(subcommand)]
    pub work: SearchWork,
}

#[derive(Debug, Clone, Subcommand)]
pub enum SearchWork {
    /// Health, version, shards, and each index with its documents against the database's rows
    Status(SearchStatusArgs),
    /// Open the add-on's console in a browser
    Open(SearchOpenArgs),
    /// Build the indices anew on a one-off dyno, and compare them with the database
    Reindex(SearchReindexArgs),
}

impl SearchWork {
    pub fn environment(&self) -> &str {
        match self {
            SearchWork::Status(args) => &args.environment,
            SearchWork::Open(args) => &args.environment,
            SearchWork::Reindex(args) => &args.environment,
        }
    }
}

#[derive(Debug, Clone, Args)]
pub struct SearchStatusArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
}

#[derive(Debug, Clone, Args)]
pub struct SearchOpenArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// Print the console's URL and open nothing
    #[arg(long)]
    pub url: bool,
}

#[derive(Debug, Clone, Args)]
pub struct SearchReindexArgs {
    /// The environment, which must not be protected
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// Show what would be run, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Answer the question for this Heroku app
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
}
