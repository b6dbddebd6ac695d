//! `doctor`.

use clap::Args;

/// Check every credential, server and permission that the commands need.
///
/// Nothing is changed. Each check is a line: pass, fail or skip, with what mends it.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Check this environment only
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
}
