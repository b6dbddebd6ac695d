//! Whether staging's sites answer, before and after: every configured site and every host of the
//! Site records, looked at as `check` does.
//!
//! What cannot be reached from here at all says nothing of the site, and is told apart from a site
//! that answers with an error. Pages that lead to production are warnings here: published content
//! links to itself by full addresses, and the site works.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::checks::{
    Aspect, CheckOptions, Line, SiteReport, Targets, Verdict, check_sites, protected_hosts,
};
use crate::runbook::{StepContext, StepResult};

use super::sites;
use super::values::SITES_OF_SOURCE;
use super::world::World;

/// A site that was only just started may take a while.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A site that does not answer as it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Down {
    pub url: String,
    pub problem: String,
    pub answered: bool,
}

/// What was seen of all sites at one moment.
#[derive(Debug, Default)]
pub struct Seen {
    pub asked: usize,
    pub down: Vec<Down>,
    pub warnings: Vec<String>,
}

impl World {
    /// Looks at every site of staging once.
    pub(super) async fn look_at_sites(&self, context: &StepContext) -> StepResult<Seen> {
        let mut targets = Targets::of(&self.destination);
        let configured = targets.urls.clone();
        // A database that holds half of something has no records to read.
        if let Ok(session) = self.connect_destination().await {
            for record in sites::read(&session).await.unwrap_or_default() {
                targets.add_record(&record.hostname, record.port);
            }
        }
        let forbidden = self.forbidden(context, &configured)?;
        let settings = self.settings.check.clone();
        let options = CheckOptions { settings, forbidden, ..CheckOptions::default() };
        let reports = check_sites(&targets.urls, &options).await?;
        let mut seen = Seen { asked: reports.len(), ..Seen::default() };
        seen.warnings = targets.warnings;
        for report in &reports {
            seen.down.extend(down(report));
            seen.warnings.extend(warnings(report));
        }
        Ok(seen)
    }

    /// Looks until every site answers well, or until it has gone on for too long. Sites that could
    /// not be reached before cannot be judged, and are given back apart.
    pub(super) async fn wait_for_sites(
        &self,
        context: &StepContext,
        before: &[Down],
    ) -> StepResult<(Seen, Vec<Down>)> {
        let unreachable = |down: &Down| {
            !down.answered && before.iter().any(|one| one.url == down.url && !one.answered)
        };
        let began = Instant::now();
        loop {
            let mut seen = self.look_at_sites(context).await?;
            let (unjudged, bad): (Vec<Down>, Vec<Down>) =
                seen.down.into_iter().partition(unreachable);
            if bad.is_empty() || began.elapsed() > PATIENCE {
                seen.down = bad;
                return Ok((seen, unjudged));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Hosts of protected environments: by the configuration, and by production's Site records.
    fn forbidden(&self, context: &StepContext, own: &[Url]) -> StepResult<BTreeSet<String>> {
        let all = self.settings.environments.values();
        let mut forbidden = protected_hosts(&self.destination, all, own);
        let mut theirs = Targets::default();
        for record in context.get(&SITES_OF_SOURCE)?.unwrap_or_default() {
            theirs.add_record(&record.hostname, record.port);
        }
        let is_own = |host: &str| own.iter().any(|url| url.host_str() == Some(host));
        let hosts = theirs.urls.iter().filter_map(Url::host_str);
        forbidden.extend(hosts.filter(|host| !is_own(host)).map(str::to_owned));
        Ok(forbidden)
    }
}

/// The first thing that keeps visitors from the site.
fn down(report: &SiteReport) -> Option<Down> {
    let fails = |line: &&Line| line.verdict == Verdict::Fail && line.aspect != Aspect::Content;
    let line = report.lines.iter().find(fails)?;
    let answered = match line.aspect {
        Aspect::Dns => false,
        // A line about a connection that was not made has nothing to tell of an answer.
        Aspect::Http => !line.data.is_null(),
        Aspect::Tls | Aspect::Content => true,
    };
    Some(Down { url: report.url.to_string(), problem: line.text.clone(), answered })
}

fn warnings(report: &SiteReport) -> impl Iterator<Item = String> {
    let is_worth = |line: &&Line| match line.verdict {
        Verdict::Warn => true,
        Verdict::Fail => line.aspect == Aspect::Content,
        Verdict::Pass | Verdict::Skip => false,
    };
    report.lines.iter().filter(is_worth).map(|line| format!("{}: {}", report.url, line.text))
}
