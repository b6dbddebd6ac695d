//! Defines the arguments of `search`.

use clap::{Args, Subcommand};

/// Show or rebuild an environment's search indices.
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
    /// Show the cluster's health, and compare each index with the database
    Status(SearchStatusArgs),
    /// Open the add-on's console in a browser
    Open(SearchOpenArgs),
    /// Rebuild the indices on a one-off dyno, and compare them with the database
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

    /// Print the console's URL, and open nothing
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

    /// Confirm with the name of this Heroku app, instead of typing it
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
}
