//! `purge-cache`.

use clap::{ArgGroup, Args};

use crate::caches::CacheScope;

/// Purge an environment's pages from Cloudflare, or clear Django's cache.
///
/// The zone and the login are those of the app's config vars. A zone that belongs to a protected
/// environment is purged only when its name was typed, or given with --confirm; so is a whole zone.
/// Django's cache of a protected environment is never cleared.
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

    /// This URL, query included; may be repeated; - reads them from stdin, one a line
    #[arg(long, value_name = "URL")]
    pub url: Vec<String>,

    /// Everything of this host; may be repeated
    #[arg(long, value_name = "HOST")]
    pub host: Vec<String>,

    /// Everything whose URL begins with this host and path; may be repeated
    #[arg(long, value_name = "HOST/PATH")]
    pub prefix: Vec<String>,

    /// Everything that the site sent with this Cache-Tag; may be repeated
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,

    /// The whole zone
    #[arg(long, conflicts_with_all = ["url", "host", "prefix", "tag"])]
    pub everything: bool,

    /// Clear Django's cache, in Redis or in its table: all of it, or what Wagtail remembers of its sites
    #[arg(long, value_name = "PART", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    pub backend: Option<CacheScope>,

    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Answer the question for this zone; may be repeated
    #[arg(long, value_name = "NAME")]
    pub confirm: Vec<String>,
}
