//! What `pull-media` and `push-media` have in common.

use clap::Args;

use crate::media::MaxDelete;

#[derive(Debug, Clone, Args)]
pub struct TransferArgs {
    /// Originals only; afterwards the rows of renditions are deleted
    #[arg(long)]
    pub images: bool,

    /// Delete nothing
    #[arg(long, conflicts_with = "max_delete")]
    pub no_delete: bool,

    /// Refuse to delete more than this: a number, or a share such as 30%; by default 20 % of the
    /// destination, and 50 objects in any case
    #[arg(long, value_name = "N|N%")]
    pub max_delete: Option<MaxDelete>,

    /// Read every file instead of trusting what is remembered of it
    #[arg(long)]
    pub checksum: bool,

    /// Transfer only the keys of this file, one a line, and delete nothing
    #[arg(long, value_name = "FILE", conflicts_with = "max_delete")]
    pub only: Option<std::path::PathBuf>,

    /// End with exit code 8 if archived or missing objects were skipped
    #[arg(long)]
    pub strict: bool,

    /// How many objects are under way at once, at most
    #[arg(long, value_name = "N", default_value_t = 320, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub jobs: u16,

    /// Show what would be transferred and deleted, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}
