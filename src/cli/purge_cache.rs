//! Defines the arguments of `purge-cache`.

use clap::{ArgGroup, Args};

use crate::caches::CacheScope;

/// Purge pages from Cloudflare, or clear Django's cache.
///
/// The app's config vars give the zone and its login. A zone of a protected environment, or a whole
/// zone, is purged only after you type its name or give it with --confirm. Django's cache of a
/// protected environment is never cleared.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true)
    .args(["url", "host", "prefix", "tag", "everything", "backend"]))]
#[command(
    after_help = "Examples:\n  bcops purge-cache staging --url https://staging.example.org/news/\n  \
bcops purge-cache production --url - < urls.txt --confirm ZONE\n  \
bcops purge-cache production --prefix www.example.org/news/\n  \
bcops purge-cache production --everything --dry-run\n  \
bcops purge-cache staging --backend=sites"
)]
pub struct PurgeCacheArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// Purge this URL, query included; may be repeated; - reads URLs from stdin, one a line
    #[arg(long, value_name = "URL")]
    pub url: Vec<String>,

    /// Purge everything of this host; may be repeated
    #[arg(long, value_name = "HOST")]
    pub host: Vec<String>,

    /// Purge every URL that begins with this host and path; may be repeated
    #[arg(long, value_name = "HOST/PATH")]
    pub prefix: Vec<String>,

    /// Purge everything that the site sent with this Cache-Tag; may be repeated
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,

    /// Purge the whole zone
    #[arg(long, conflicts_with_all = ["url", "host", "prefix", "tag"])]
    pub everything: bool,

    /// Clear Django's cache, in Redis or in its table: all, or Wagtail's site root paths only
    /// (sites)
    #[arg(long, value_name = "PART", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    pub backend: Option<CacheScope>,

    /// Show what would be purged, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Confirm with the name of this zone, instead of typing it; may be repeated
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
}
