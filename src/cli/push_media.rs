//! Defines the arguments of `push-media`.

use clap::Args;

use super::media::TransferArgs;

/// Copy media into an environment's bucket.
///
/// The media come from the local folder, or with --from from another environment's bucket, copied
/// by the server where possible. A protected environment is never a destination, and neither is its
/// bucket under another name.
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

    /// Confirm with the name of this Heroku app, instead of typing it. A bucket has no --yes
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
}
