//! `check`.

use clap::Args;

/// Check every site of an environment, and the last CI pipeline of its branch.
///
/// The sites are those of the configuration and of Wagtail's Site records. For each: its name in DNS,
/// its certificate and the days that are left of it, the HTTP status with the redirects before it,
/// Cloudflare's cache status, and whether a page that is not production's leads to production. The exit
/// code is 8 if any site is down. Nothing is changed.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  bcops check production\n  bcops check staging --wait 10\n  bcops check production --json"
)]
pub struct CheckArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// Look again until every site is up, for so many minutes at most
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub wait: Option<u64>,
}
