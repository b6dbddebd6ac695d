//! Defines the arguments of `doctor`.

use std::path::PathBuf;

use clap::Args;

/// Check every credential, server and permission.
///
/// Each check is a line: pass, warn, fail or skip, with the command that fixes it. doctor only
/// reads, so a permission that only an attempt would show is a skip. With ENV, doctor checks what
/// the commands for ENV need, and production where they read from it.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Check this environment only
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,

    /// Write a JUnit report to this file; `-` prints it in place of the table
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}
