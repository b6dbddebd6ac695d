//! `pull-media`.

use clap::Args;

use super::media::TransferArgs;

/// Copy an environment's media into the local media folder.
///
/// Only what is missing or differs is fetched, and verified on the way. What the bucket no longer
/// has is deleted, within limits. With --images only originals come, and the rows of renditions in
/// the local database are deleted, so that they are made again on request.
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
    #[arg(long)]
    pub yes: bool,
}
