//! `doctor`.

use clap::Args;

/// Check every credential, server and permission that the commands need.
///
/// Each check is a line: pass, fail or skip, with what mends it. Nothing is changed, except that in a
/// bucket that may be written to one empty object, bcops-doctor-trial, is put and deleted.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Check this environment only
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
}
