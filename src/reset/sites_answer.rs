//! Checks whether staging's sites answer, before and after the run: every configured site, every
//! host of the Site records, and the app's own host at Heroku. It uses the same checks as `check`.
//!
//! A host that could not be reached before the run says nothing about the run. Pages that link to
//! production are only warnings here, because published content contains full addresses and the
//! site works.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::checks::{
    Aspect, CheckOptions, Line, Reply, SiteReport, Targets, Verdict, check_sites, protected_hosts,
};
use crate::runbook::{StepContext, StepResult};

use super::sites;
use super::values::{ANSWERED_BEFORE, DOWN_BEFORE, SITES_OF_SOURCE};
use super::world::Reset;

/// How long a site may take to answer after its start.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A site that does not answer correctly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteFailure {
    pub url: String,
    pub problem: String,
    pub answered: bool,
    /// Journals of older versions do not have this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// What is wrong with a site's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// There was no answer.
    Silent,
    /// An error of the site (5xx), or Heroku's own page instead of the site.
    Broken,
    /// Heroku has no app for this host, because its domain was never added.
    Unknown,
    /// Another problem: another status, a certificate, or a redirect loop.
    Odd,
}

/// The hosts that answered before the run, with any answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsweredBefore {
    pub urls: Vec<String>,
    /// Whether the app's own host at Heroku answered.
    pub own: bool,
}

/// The observations when staging was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub open: bool,
    /// The number of hosts that answer correctly.
    pub answering: u64,
    /// Hosts that could not be checked.
    pub unseen: Vec<String>,
}

/// The state of all sites at one moment.
#[derive(Debug, Default)]
pub struct SiteStates {
    /// Every site except the app's own host, by its URL.
    pub asked: Vec<String>,
    pub down: Vec<SiteFailure>,
    /// The app's own host at Heroku, unless it is one of the sites or was not checked.
    pub own: Option<Own>,
    pub warnings: Vec<String>,
}

/// The app's own host, and the problem of its answer. `None` if it answers correctly.
#[derive(Debug)]
pub struct Own {
    pub down: Option<SiteFailure>,
}

/// The verdict on the sites' answers at the end.
#[derive(Debug, Default)]
pub struct Judged {
    pub asked: u64,
    /// Failures that keep staging closed.
    pub down: Vec<SiteFailure>,
    /// Failures that the run has not caused.
    pub unjudged: Vec<SiteFailure>,
    pub warnings: Vec<String>,
}

/// What was known about the sites before the run.
struct Before {
    down: Vec<SiteFailure>,
    answered: Option<AnsweredBefore>,
}

impl Before {
    fn of(context: &StepContext) -> StepResult<Before> {
        let down = context.get(&DOWN_BEFORE)?.unwrap_or_default();
        Ok(Before { down, answered: context.get(&ANSWERED_BEFORE)? })
    }

    fn asks_own(&self) -> bool {
        self.answered.as_ref().is_some_and(|answered| answered.own)
    }

    /// Whether the run has caused the present problem.
    fn blames(&self, now: &SiteFailure) -> bool {
        let before = self.down.iter().find(|one| one.url == now.url);
        if before.is_some_and(|before| !before.answered) {
            return false;
        }
        let is_known = before.is_some()
            // Without a list, every host that was not seen to be silent counts.
            || self.answered.as_ref().is_none_or(|answered| answered.urls.contains(&now.url));
        match now.fault {
            Some(Fault::Silent | Fault::Unknown) => is_known,
            Some(Fault::Broken) => true,
            Some(Fault::Odd) | None => before.is_none_or(|before| before.problem != now.problem),
        }
    }
}

impl Reset {
    /// Checks every site of staging once, and the app's own host if `own` is set.
    pub(super) async fn look_at_sites(
        &self,
        context: &StepContext,
        own: bool,
    ) -> StepResult<SiteStates> {
        let mut targets = Targets::of(&self.destination);
        let configured = targets.urls.clone();
        // A half-loaded database has no records to read.
        if let Ok(session) = self.connect_destination().await {
            for record in sites::read(&session).await.unwrap_or_default() {
                targets.add_record(&record.hostname, record.port);
            }
        }
        let own = match own {
            true => self.own_host().await?.filter(|own| !is_among(own, &targets.urls)),
            false => None,
        };
        let mut urls = targets.urls;
        let sites = urls.len();
        urls.extend(own);
        let forbidden = self.forbidden(context, &configured)?;
        let settings = self.settings.check.clone();
        let options = CheckOptions { settings, forbidden, ..CheckOptions::default() };
        let reports = check_sites(&urls, &options).await?;
        let mut seen = SiteStates { warnings: targets.warnings, ..SiteStates::default() };
        for (number, report) in reports.iter().enumerate() {
            if number >= sites {
                seen.own = Some(Own { down: down(report) });
                continue;
            }
            seen.asked.push(report.url.to_string());
            seen.down.extend(down(report));
            seen.warnings.extend(warnings(report));
        }
        Ok(seen)
    }

    /// Checks the sites before anything is changed, and keeps the result for the end. A second
    /// attempt would see the run's own changes.
    pub(super) async fn look_before(&self, context: &StepContext) -> StepResult<SiteStates> {
        let seen = self.look_at_sites(context, true).await?;
        let is_silent = |url: &String| seen.down.iter().any(|one| one.url == *url && !one.answered);
        let urls = seen.asked.iter().filter(|url| !is_silent(url)).cloned().collect();
        let own = match &seen.own {
            Some(Own { down: Some(down) }) => down.answered,
            Some(Own { down: None }) => true,
            None => false,
        };
        context.put(&DOWN_BEFORE, &seen.down)?;
        context.put(&ANSWERED_BEFORE, &AnsweredBefore { urls, own })?;
        Ok(seen)
    }

    /// Checks until every site answers correctly, or the time limit is over. Sites that could not
    /// be reached before cannot be judged, and are returned separately.
    pub(super) async fn wait_for_sites(&self, context: &StepContext) -> StepResult<Judged> {
        let before = Before::of(context)?;
        let began = Instant::now();
        loop {
            let seen = self.look_at_sites(context, before.asks_own()).await?;
            let (mut bad, unjudged): (Vec<SiteFailure>, Vec<SiteFailure>) =
                seen.down.into_iter().partition(|down| before.blames(down));
            bad.extend(seen.own.and_then(|own| own.down).filter(keeps_own_host_down));
            if bad.is_empty() || began.elapsed() > PATIENCE {
                let (asked, warnings) = (seen.asked.len() as u64, seen.warnings);
                return Ok(Judged { asked, down: bad, unjudged, warnings });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The host that Heroku gives the app, in addition to its domains.
    async fn own_host(&self) -> StepResult<Option<Url>> {
        let app = self.heroku.app(self.destination.app.id()).await?;
        let url = app.web_url.and_then(|url| Url::parse(&url).ok());
        Ok(url.filter(|url| ["https", "http"].contains(&url.scheme()) && url.has_host()))
    }

    /// Hosts of protected environments, from the configuration and from production's Site records.
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

fn is_among(own: &Url, urls: &[Url]) -> bool {
    urls.iter().any(|url| url.host_str() == own.host_str())
}

/// Whether the app's own host counts as down. A site may refuse every host except its domains, and
/// that counts as an answer.
fn keeps_own_host_down(down: &SiteFailure) -> bool {
    down.fault != Some(Fault::Odd)
}

/// The worst problem that keeps visitors from the site.
fn down(report: &SiteReport) -> Option<SiteFailure> {
    let fails = |line: &&Line| line.verdict == Verdict::Fail && line.aspect != Aspect::Content;
    let first = report.lines.iter().find(fails)?;
    let (answered, fault) = match report.reply {
        Reply::None => (false, Fault::Silent),
        Reply::NoSuchApp => (true, Fault::Unknown),
        Reply::Error => (true, Fault::Broken),
        Reply::Answer => (true, Fault::Odd),
    };
    let of_answer = |line: &&Line| fails(line) && line.aspect == Aspect::Http;
    let line = match fault {
        Fault::Broken | Fault::Unknown => report.lines.iter().find(of_answer).unwrap_or(first),
        Fault::Silent | Fault::Odd => first,
    };
    let (url, problem) = (report.url.to_string(), line.text.clone());
    Some(SiteFailure { url, problem, answered, fault: Some(fault) })
}

fn warnings(report: &SiteReport) -> impl Iterator<Item = String> {
    let is_worth = |line: &&Line| match line.verdict {
        Verdict::Warn => true,
        Verdict::Fail => line.aspect == Aspect::Content,
        Verdict::Pass | Verdict::Skip => false,
    };
    report.lines.iter().filter(is_worth).map(|line| format!("{}: {}", report.url, line.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down(fault: Fault) -> SiteFailure {
        let answered = fault != Fault::Silent;
        let url = "https://staging.example/".to_owned();
        SiteFailure { url, problem: format!("{fault:?}"), answered, fault: Some(fault) }
    }

    fn before(down: Option<Fault>, answered: bool) -> Before {
        let now = self::down(Fault::Broken);
        let urls = if answered { vec![now.url] } else { Vec::new() };
        let answered = Some(AnsweredBefore { urls, own: false });
        Before { down: down.map(self::down).into_iter().collect(), answered }
    }

    #[test]
    fn a_host_that_answered_has_to_answer_again() {
        use Fault::{Broken, Odd, Silent, Unknown};
        for (was, is, blamed) in [
            (None, Silent, true),
            (None, Broken, true),
            (None, Odd, true),
            (None, Unknown, true),
            // Staging was in maintenance or broken before, and has to work at the end.
            (Some(Broken), Broken, true),
            (Some(Broken), Silent, true),
            (Some(Odd), Odd, false),
            (Some(Odd), Broken, true),
            (Some(Silent), Silent, false),
            (Some(Silent), Broken, false),
            (Some(Silent), Odd, false),
        ] {
            let answered = was != Some(Silent);
            assert_eq!(before(was, answered).blames(&down(is)), blamed, "{was:?} {is:?}");
        }
    }

    #[test]
    fn a_new_host_does_not_have_to_answer_yet() {
        let before = before(None, false);
        assert!(!before.blames(&down(Fault::Silent)) && !before.blames(&down(Fault::Unknown)));
        assert!(before.blames(&down(Fault::Broken)) && before.blames(&down(Fault::Odd)));
    }

    #[test]
    fn an_older_journal_has_no_list_of_hosts() {
        let kept = r#"[{"url":"https://staging.example/","problem":"p","answered":false}]"#;
        let down_before: Vec<SiteFailure> = serde_json::from_str(kept).expect("a list");
        let before = Before { down: down_before, answered: None };
        assert!(!before.blames(&down(Fault::Silent)) && !before.asks_own());
        let before = Before { down: Vec::new(), answered: None };
        assert!(before.blames(&down(Fault::Silent)));
    }
}
