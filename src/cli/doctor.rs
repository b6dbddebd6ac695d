//! `doctor`.

use clap::Args;

/// Check every credential, server and permission that the commands need.
///
/// Each check is a line: pass, warn, fail or skip, with what fixes it. doctor only reads. A permission
/// that only an attempt would show is a skip. With ENV, doctor looks at what the commands of ENV need,
/// and at production where they take something from it.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Check this environment only
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
}
