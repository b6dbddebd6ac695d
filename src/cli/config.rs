//! `config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The effective configuration, and where each value comes from.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub work: ConfigWork,
}

#[derive(Debug, Clone, Subcommand)]
pub enum ConfigWork {
    /// Every setting with its value and its origin
    Show,
    /// The files that are read, the strongest first
    Path,
    Init(InitArgs),
    Trust(TrustArgs),
    /// Take the trust in a bcops.toml back
    Untrust(UntrustArgs),
}

/// Show what a bcops.toml sets, and trust it as it is.
///
/// A bcops.toml that is found on the way up from the working directory may come from anyone who can
/// push to the repository. Until you trust it, it may set times and limits only. The trust is recorded
/// in your own configuration folder, with a digest of the file and of every file that it names: a
/// change asks again. A file that --config or BCOPS_CONFIG names needs no trust.
#[derive(Debug, Clone, Args)]
pub struct TrustArgs {
    /// The file; the nearest bcops.toml from here upwards by default
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// Trust it without a question
    #[arg(long)]
    pub yes: bool,

    /// Show what it sets, and trust nothing
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
/// On a terminal it asks what differs from site to site. Without one, or with --no-input, it writes
/// every setting as a comment. A file that is there is never replaced.
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
