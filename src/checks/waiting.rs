//! Checks the sites again and again until all are up.

use std::time::{Duration, Instant};

use url::Url;

use super::{CheckOptions, SiteReport, check_sites};
use crate::adapters::site::SiteError;
use crate::events::{Event, Progress, Reporter, Unit};

const STEP: &str = "check";
const PAUSE: Duration = Duration::from_secs(5);

/// Checks until all sites are up or the time is over, at least once, and returns the last reports.
/// Changes on the way are reported.
///
/// # Errors
/// As [`check_sites`].
pub async fn wait_until_up(
    urls: &[Url],
    options: &CheckOptions,
    limit: Duration,
    reporter: &dyn Reporter,
) -> Result<Vec<SiteReport>, SiteError> {
    let started = Instant::now();
    let mut reported: Vec<String> = Vec::new();
    let description = format!("Waiting up to {} s until the sites are up", limit.as_secs());
    reporter.emit(Event::StepStarted { step: STEP, description });
    loop {
        let reports = match check_sites(urls, options).await {
            Ok(reports) => reports,
            Err(error) => {
                reporter.emit(Event::StepFailed { step: STEP, summary: error.to_string() });
                return Err(error);
            }
        };
        let down: Vec<String> = reports.iter().filter_map(in_words).collect();
        let up = reports.len() - down.len();
        if down.is_empty() {
            let summary = format!("every site is up ({} of {up})", reports.len());
            reporter.emit(Event::StepFinished { step: STEP, summary });
            return Ok(reports);
        }
        if started.elapsed() + PAUSE > limit {
            let summary = format!("{up} of {} sites are up, but the time is over", reports.len());
            reporter.emit(Event::StepFailed { step: STEP, summary });
            return Ok(reports);
        }
        for one in down.iter().filter(|one| !reported.contains(one)) {
            reporter.emit(Event::Note(one.clone()));
        }
        let progress = Progress {
            done: up as u64,
            total: Some(reports.len() as u64),
            unit: Unit::Items,
            current: down.first().cloned().unwrap_or_default(),
        };
        reporter.emit(Event::StepProgress { step: STEP, progress });
        reported = down;
        tokio::time::sleep(PAUSE).await;
    }
}

fn in_words(report: &SiteReport) -> Option<String> {
    Some(format!("{}: {}", report.url.host_str().unwrap_or_default(), report.problem()?))
}
