//! Defines the arguments of `pull-media`.

use clap::Args;

use super::media::TransferArgs;

/// Copy an environment's media into the local media folder.
///
/// Only missing and different files are fetched, and each is verified. Files that the bucket no
/// longer has are deleted, within --max-delete. With --images only originals are fetched. The rows
/// of renditions are then deleted from the local database: Wagtail makes them again on
/// request.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  bcops pull-media production --images\n  bcops pull-media production --dry-run\n  \
bcops pull-media production --yes         # from CI\n  bcops pull-media staging --no-delete --jobs 16"
)]
pub struct PullMediaArgs {
    /// The environment whose media to fetch
    #[arg(value_name = "ENV", required = true)]
    pub environment: Option<String>,

    #[command(flatten)]
    pub transfer: TransferArgs,

    /// Replace and delete local media without asking
    #[arg(short, long)]
    pub yes: bool,
}
