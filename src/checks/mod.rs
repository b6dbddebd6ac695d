//! Whether an environment's sites are up: for each host its name in DNS, its certificate, its answer
//! with the redirects before it, and whether a page that is not production's leads there.
//!
//! A site is down if anything about it fails. What is unusual but works is a warning.

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

/// How many sites are looked at at once.
const AT_ONCE: usize = 8;

/// How sites are looked at.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    pub settings: Check,
    pub timing: Timing,
    /// Hosts of protected environments, where no page and no redirect may lead. Empty for an
    /// environment that is protected itself.
    pub forbidden: BTreeSet<String>,
}

/// Looks at all of them at once, within reason. The reports come in the order of the URLs.
///
/// # Errors
/// Only where nothing can be looked at from this machine. What is wrong with a site is in its report.
pub async fn check_sites(
    urls: &[Url],
    options: &CheckOptions,
) -> Result<Vec<SiteReport>, SiteError> {
    // Made anew each time, so that it remembers no answer of DNS from before.
    let client = SiteClient::new(&options.settings, options.timing)?;
    let known: BTreeSet<String> =
        urls.iter().filter_map(|url| url.host_str().map(str::to_owned)).collect();
    let surroundings = Arc::new(site::Surroundings { known, forbidden: options.forbidden.clone() });
    // As a list: the future of a lazy one could not move between threads.
    let mut looks = Vec::new();
    for url in urls {
        let (client, surroundings, url) = (client.clone(), surroundings.clone(), url.clone());
        looks.push(async move { site::check(&client, &url, &surroundings).await });
    }
    Ok(futures_util::stream::iter(looks).buffered(AT_ONCE).collect().await)
}
