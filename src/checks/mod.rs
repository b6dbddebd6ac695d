//! Checks whether an environment's sites are up: for each host its DNS name, certificate, redirects
//! and answer, and whether a page of an unprotected environment links to a protected one.
//!
//! A site is down if any of its checks fails. Something unusual that works is a warning.

mod content;
mod pipeline;
mod report;
mod site;
mod storage;
mod targets;
mod visitor;
mod waiting;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt;
use url::Url;

pub use pipeline::{Pipeline, PipelineLook};
pub use report::{Aspect, Line, LineData, Reply, Report, ReportDocument, SiteReport, Verdict};
pub use storage::{StorageLine, StorageReport};
pub use targets::{Targets, protected_hosts};
pub use visitor::{Seen, look_at_file, look_at_listing};
pub use waiting::wait_until_up;

use crate::adapters::site::{SiteClient, SiteError, Timing};
use crate::settings::Check;

/// How many sites are checked at the same time.
const AT_ONCE: usize = 8;

/// How sites are checked.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    pub settings: Check,
    pub timing: Timing,
    /// Hosts of protected environments, to which no page and no redirect may lead. Empty if the
    /// checked environment is itself protected.
    pub forbidden: BTreeSet<String>,
}

/// Checks the sites, several at the same time. The reports are in the order of the URLs.
///
/// # Errors
/// Only if this machine cannot check any site. Problems of a site are in its report.
pub async fn check_sites(
    urls: &[Url],
    options: &CheckOptions,
) -> Result<Vec<SiteReport>, SiteError> {
    // A new client for each check, because a client remembers DNS answers.
    let client = SiteClient::new(&options.settings, options.timing)?;
    let known: BTreeSet<String> =
        urls.iter().filter_map(|url| url.host_str().map(str::to_owned)).collect();
    let surroundings = Arc::new(site::Surroundings { known, forbidden: options.forbidden.clone() });
    // A list, because the future of a lazy iterator could not move between threads.
    let mut looks = Vec::new();
    for url in urls {
        let (client, surroundings, url) = (client.clone(), surroundings.clone(), url.clone());
        looks.push(async move { site::check(&client, &url, &surroundings).await });
    }
    Ok(futures_util::stream::iter(looks).buffered(AT_ONCE).collect().await)
}
