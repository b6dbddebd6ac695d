//! Defines the arguments of `config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Show, create or trust the configuration.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub work: ConfigWork,
}

#[derive(Debug, Clone, Subcommand)]
pub enum ConfigWork {
    /// Show every setting with its value and its origin
    Show,
    /// List the files that are read, the strongest first
    Path,
    Init(InitArgs),
    Trust(TrustArgs),
    /// Withdraw the trust in a bcops.toml
    Untrust(UntrustArgs),
}

/// Show what a bcops.toml sets, and trust it.
///
/// A bcops.toml that bcops finds in the working directory or above it may come from anyone who can
/// push to the repository. Until you trust it, it can set times and limits only. The trust is
/// recorded in your own configuration folder, with a digest of the file and of every file that it
/// names. After a change, bcops asks again. A file that --config or BCOPS_CONFIG names needs no
/// trust.
#[derive(Debug, Clone, Args)]
pub struct TrustArgs {
    /// The file; the nearest bcops.toml from here upwards by default
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// Trust it without asking
    #[arg(short, long)]
    pub yes: bool,

    /// Show what it sets, and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}

#[derive(Debug, Clone, Args)]
pub struct UntrustArgs {
    /// The file; the nearest bcops.toml from here upwards by default
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Write a bcops.toml for another site.
///
/// At a terminal it asks for what differs from site to site. Without one, or with --no-input, it
/// writes every setting as a comment. An existing file is never replaced.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// The file to write
    #[arg(value_name = "FILE", default_value = "bcops.toml")]
    pub file: PathBuf,

    /// Ask nothing, and write every setting as a comment
    #[arg(long)]
    pub template: bool,

    /// Print what would be written, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}
