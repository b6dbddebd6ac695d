//! `push-media`.

use clap::Args;

use super::media::TransferArgs;

/// Copy local media, or another environment's, into an environment's bucket.
///
/// A protected environment is never a destination, and neither is its bucket under another name.
/// With --from the objects go from bucket to bucket, on the server where that is possible.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  bcops push-media staging\n  bcops push-media staging --from production --images\n  \
bcops push-media staging --from production --dry-run\n  \
bcops push-media staging --confirm APP     # from CI"
)]
pub struct PushMediaArgs {
    /// The environment whose bucket to write
    #[arg(value_name = "ENV", required = true)]
    pub environment: Option<String>,

    /// Copy from this environment's bucket instead of the local folder
    #[arg(long, value_name = "ENV2")]
    pub from: Option<String>,

    #[command(flatten)]
    pub transfer: TransferArgs,

    /// Answer the question for this Heroku app; may be repeated
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
}
