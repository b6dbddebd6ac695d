//! Rebuilds the site's search indices, and checks that they are complete.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;

use super::error::{is_of_the_whole_cluster, may_be_of_the_whole_cluster};
use super::left_over::{Cleared, clear};
use super::look::Look;
use super::output::LineReporter;
use super::rows::{count_rows, make_read_only};
use super::{Counts, Difference, SearchError, compare};
use crate::adapters::elasticsearch::DestinationCluster;
use crate::adapters::heroku::{
    DestinationApp, Heroku, Limits, OneOff, OneOffError, through_the_log,
};
use crate::adapters::json_api::ApiError;
use crate::adapters::postgres::{DatabaseUrl, connect};
use crate::events::{Event, Reporter};
use crate::settings::{IndexRule, Search};
use crate::words;

const REINDEX: &str = "reindex";
const CHECK: &str = "search-check";

const TOTAL: Duration = Duration::from_secs(60 * 60);

/// How often to compare. A row that is saved during the count is in the index a moment later.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// A site whose indices may be rebuilt: none of its resources belongs to a protected environment.
pub struct Site<'a> {
    pub heroku: &'a Heroku,
    pub app: &'a DestinationApp,
    /// The cluster that the command on the dyno uses.
    pub cluster: &'a DestinationCluster,
    pub database: &'a DatabaseUrl,
    pub settings: &'a Search,
    /// A command without output for this long hangs, because it reports each model and each
    /// thousand rows.
    pub silence: Duration,
}

/// The rebuilt indices, as counted afterwards.
#[derive(Debug)]
pub struct Reindexed {
    pub dyno: String,
    pub took: Duration,
    pub indices: Vec<Counted>,
    /// Indices with more documents than rows. Searches still find every row.
    pub surplus: Vec<Difference>,
    /// Indices that could not be counted, and why.
    pub uncounted: Vec<(String, String)>,
    /// The first of these reasons, for callers that cannot continue without the count.
    pub failure: Option<ApiError>,
    pub cleared: Cleared,
}

/// One index and its row count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counted {
    #[serde(rename = "name")]
    pub index: String,
    pub documents: u64,
    pub rows: u64,
}

/// Runs the configured command on a one-off dyno, reports its output, refreshes the indices and
/// compares them with the database. Then it deletes left-over indices of before. The dyno is stopped
/// when `stop` completes.
///
/// # Errors
///
/// [`SearchError::CommandFailed`] if the command fails, and [`SearchError::Incomplete`] if an index
/// lacks rows although the command succeeded.
pub async fn reindex(
    site: &Site<'_>,
    reporter: &dyn Reporter,
    stop: impl Future<Output = ()>,
) -> Result<Reindexed, SearchError> {
    let mut stop = pin!(stop);
    let started = Instant::now();
    // Do not start a rebuild that could not be checked afterwards.
    let before = tokio::select! {
        found = expected(site) => found?.look,
        () = stop.as_mut() => return Err(SearchError::Interrupted),
    };
    let old: BTreeSet<String> =
        before.listings.into_iter().map(|(listing, _)| listing.name).collect();
    let command = &site.settings.reindex_command.value;
    let description = format!("Running `{command}` on {}", site.app.name());
    reporter.emit(Event::StepStarted { step: REINDEX, description });
    let dyno = match run(site, reporter, stop.as_mut()).await {
        Ok(dyno) => dyno,
        Err(error) => return Err(failed(reporter, REINDEX, error)),
    };
    let summary = format!("`{command}` succeeded on {dyno}");
    reporter.emit(Event::StepFinished { step: REINDEX, summary });

    let description = "Comparing the search index with the database".to_owned();
    reporter.emit(Event::StepStarted { step: CHECK, description });
    let checked = tokio::select! {
        checked = check(site) => checked,
        () = stop => Err(SearchError::Interrupted),
    };
    let Checked { indices, surplus, uncounted, failure, look, rows } = match checked {
        Ok(checked) => checked,
        Err(error) => return Err(failed(reporter, CHECK, error)),
    };
    for difference in &surplus {
        reporter.emit(Event::Warning(difference.to_string()));
    }
    for (index, why) in &uncounted {
        reporter.emit(Event::Warning(format!("{index} was not counted: {why}")));
    }
    let documents = indices.iter().map(|one| one.documents).sum();
    let number = u64::try_from(indices.len()).unwrap_or(u64::MAX);
    let indices_in_words =
        if number == 1 { "1 index".to_owned() } else { format!("{number} indices") };
    let summary = format!(
        "Found {} in {indices_in_words}, as in the database",
        words::plural(documents, "document")
    );
    reporter.emit(Event::StepFinished { step: CHECK, summary });
    // Only a complete index makes another one superfluous.
    let cleared = match uncounted.is_empty() {
        true => clear(site.cluster, &look, &rows, &old, reporter).await,
        false => Cleared::default(),
    };
    let failure = failure.or_else(|| look.into_failure().filter(|_| !uncounted.is_empty()));
    let took = started.elapsed();
    Ok(Reindexed { dyno, took, indices, surplus, uncounted, failure, cleared })
}

fn failed(reporter: &dyn Reporter, step: &'static str, error: SearchError) -> SearchError {
    reporter.emit(Event::StepFailed { step, summary: error.to_string() });
    error
}

async fn run(
    site: &Site<'_>,
    reporter: &dyn Reporter,
    stop: impl Future<Output = ()>,
) -> Result<String, SearchError> {
    let command = &site.settings.reindex_command.value;
    let one_off = OneOff { time_to_live: TOTAL, ..OneOff::new(command.as_str()) };
    let limits = Limits { total: TOTAL, idle: Some(site.silence), ..Limits::default() };
    let mut lines = LineReporter::new(reporter);
    let warn = |error: &OneOffError| reporter.emit(Event::Warning(through_the_log(error)));
    let run = site.heroku.run_unattended(site.app, &one_off, &mut lines, &limits, stop, warn).await;
    let output = lines.into_last();
    let (dyno, status) = run?;
    if status == 0 {
        return Ok(dyno);
    }
    Err(SearchError::CommandFailed {
        command: command.clone(),
        status,
        dyno,
        app: site.app.name().to_owned(),
        output,
    })
}

/// The contents of the indices after the command.
struct Checked {
    indices: Vec<Counted>,
    surplus: Vec<Difference>,
    uncounted: Vec<(String, String)>,
    failure: Option<ApiError>,
    look: Look,
    rows: Counts,
}

/// Compares until no row is missing, a few times at most. An index that cannot be counted does not
/// count as incomplete: the caller decides.
async fn check(site: &Site<'_>) -> Result<Checked, SearchError> {
    let mut looks = 0;
    loop {
        looks += 1;
        let Counting { look, rows, uncounted, failure } = count(site).await?;
        let documents = look.documents();
        let differences = compare(&documents, &rows);
        let (lacking, surplus): (Vec<_>, Vec<_>) =
            differences.into_iter().partition(Difference::lacks_rows);
        if lacking.is_empty() {
            let counted = rows.iter().filter_map(|(index, rows)| {
                let documents = documents.get(index).copied()?;
                Some(Counted { index: index.clone(), documents, rows: *rows })
            });
            let indices = counted.collect();
            return Ok(Checked { indices, surplus, uncounted, failure, look, rows });
        }
        if looks >= LOOKS {
            let command = site.settings.reindex_command.value.clone();
            return Err(SearchError::Incomplete { command, differences: lacking });
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// The state of the indices after a failed command.
#[derive(Debug)]
pub struct Remaining {
    /// Indices that are missing or empty although there are rows.
    pub lacking: Vec<Difference>,
    /// Indices that differ from the database in another way.
    pub stale: Vec<Difference>,
    /// How many indices could not be counted.
    pub uncounted: usize,
}

/// Counts the indices after a failed command. A cluster over its plan's limits refuses changes but
/// can be counted, so an index that cannot be refreshed is counted without a refresh.
///
/// # Errors
/// Also if none of the site's indices can be counted.
pub async fn remaining(site: &Site<'_>) -> Result<Remaining, SearchError> {
    let Expected { rules, mut rows, .. } = expected(site).await?;
    for rule in &rules {
        if let Err(error) = site.cluster.refresh(&rule.index).await
            && is_of_the_whole_cluster(&error)
        {
            return Err(error.into());
        }
    }
    let look = Look::at(site.cluster, site.settings).await?;
    let problems = look.problems();
    let wanted = rows.len();
    rows.retain(|index, _| !problems.contains_key(index));
    let uncounted = wanted - rows.len();
    let differences = compare(&look.documents(), &rows);
    if let (true, Some(failure)) = (rows.is_empty(), look.into_failure()) {
        return Err(failure.into());
    }
    let (lacking, stale) = differences.into_iter().partition(Difference::lacks_all);
    Ok(Remaining { lacking, stale, uncounted })
}

/// The cluster, and the rows of the indices that can be counted.
struct Counting {
    look: Look,
    rows: Counts,
    uncounted: Vec<(String, String)>,
    failure: Option<ApiError>,
}

/// Counts the rows first, because rows saved later can only make the index larger.
async fn count(site: &Site<'_>) -> Result<Counting, SearchError> {
    let Expected { rules, mut rows, .. } = expected(site).await?;
    let (mut uncounted, failure) = refresh(site, &rules).await?;
    let look = Look::at(site.cluster, site.settings).await?;
    for (index, why) in look.problems() {
        uncounted.entry(index).or_insert(why);
    }
    // A name without rows to compare did not need to be counted.
    uncounted.retain(|index, _| rows.remove(index).is_some());
    Ok(Counting { look, rows, uncounted: uncounted.into_iter().collect(), failure })
}

/// Which indices must exist, and for how many rows.
struct Expected {
    look: Look,
    rules: Vec<IndexRule>,
    rows: Counts,
}

async fn expected(site: &Site<'_>) -> Result<Expected, SearchError> {
    let look = Look::at(site.cluster, site.settings).await?;
    let rules = look.rules();
    let session = connect(site.database).await?;
    make_read_only(&session).await?;
    let rows = count_rows(&session, &rules).await?;
    session.close().await;
    if rows.is_empty() {
        return Err(SearchError::NothingToCompare);
    }
    Ok(Expected { look, rules, rows })
}

type Unrefreshed = (BTreeMap<String, String>, Option<ApiError>);

/// Refreshes the indices. The comparison finds missing ones. An index that cannot be refreshed may
/// hold more documents than the count shows.
async fn refresh(site: &Site<'_>, rules: &[IndexRule]) -> Result<Unrefreshed, SearchError> {
    let (mut unrefreshed, mut first) = (BTreeMap::new(), None);
    let mut all_are_slow = true;
    for rule in rules {
        match site.cluster.refresh(&rule.index).await {
            Ok(()) => all_are_slow = false,
            Err(error) if error.is_not_found() => {}
            Err(error) if is_of_the_whole_cluster(&error) => return Err(error.into()),
            Err(error) => {
                all_are_slow &= may_be_of_the_whole_cluster(&error);
                unrefreshed.insert(rule.index.clone(), error.to_string());
                first.get_or_insert(error);
            }
        }
    }
    match first {
        Some(error) if all_are_slow => Err(error.into()),
        first => Ok((unrefreshed, first)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Silent;

    /// The steps of a runbook may run on any thread.
    #[test]
    fn a_reindex_can_move_to_another_thread() {
        fn is_send<T: Send>(_: impl FnOnce(&'static Site<'static>) -> T) {}
        is_send(|site| reindex(site, &Silent, std::future::pending()));
    }
}
