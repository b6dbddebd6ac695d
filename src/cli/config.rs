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
