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
    /// Write a bcops.toml that lists every setting, to be filled in
    Init(InitArgs),
}

#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// The file to write
    #[arg(value_name = "FILE", default_value = "bcops.toml")]
    pub file: PathBuf,

    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,

    /// Print what would be written, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}
