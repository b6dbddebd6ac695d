//! Defines the flags that `pull-media` and `push-media` share.

use clap::Args;

use crate::media::MaxDelete;

#[derive(Debug, Clone, Args)]
pub struct TransferArgs {
    /// Copy originals only, then delete the rows of renditions: Wagtail makes them again
    #[arg(long)]
    pub images: bool,

    /// Delete nothing
    #[arg(long, conflicts_with = "max_delete")]
    pub no_delete: bool,

    /// Refuse to delete more than this: a number, or a share such as 30%; by default 20 % of the
    /// destination, but always up to 50 objects
    #[arg(long, value_name = "N|N%")]
    pub max_delete: Option<MaxDelete>,

    /// Read every file again, instead of trusting its remembered checksum
    #[arg(long)]
    pub checksum: bool,

    /// Transfer only the keys in this file, one a line, and delete nothing
    #[arg(long, value_name = "FILE", conflicts_with = "max_delete")]
    pub only: Option<std::path::PathBuf>,

    /// Exit with 8 if archived or missing objects were skipped
    #[arg(long)]
    pub strict: bool,

    /// Transfer at most this many objects at once
    #[arg(long, value_name = "N", default_value_t = 320, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub jobs: u16,

    /// Show what would be transferred and deleted, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}
