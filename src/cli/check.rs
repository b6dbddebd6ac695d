//! Defines the arguments of `check`.

use std::path::PathBuf;

use clap::Args;

/// Check an environment's sites and its last CI pipeline.
///
/// The sites are those of the configuration and of Wagtail's Site records. bcops checks each name
/// in DNS, its certificate and the days left, the HTTP status and redirects, and Cloudflare's cache
/// status. It also checks that no page of another environment leads to production. The exit code is
/// 8 if any site is down. Nothing is changed.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  bcops check production\n  bcops check staging --wait 10\n  bcops check production --json"
)]
pub struct CheckArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,

    /// Check again until every site is up, for at most this many minutes
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub wait: Option<u64>,

    /// Write a JUnit report to this file; `-` prints it in place of the table
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}
