//! Purges many items within the rate limit: one request after the other, each item in exactly one
//! accepted request.
//!
//! A batch is sent again after 429, because Cloudflare took none of it, and after a temporary
//! failure, because a repeated purge is harmless while a stale page is not. Batches that may have
//! been purged twice are counted. An accepted batch is never sent again.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;

use crate::adapters::cloudflare::{Cloudflare, ItemKind, Selection, ZoneId};
use crate::adapters::json_api::{ApiError, ErrorKind};
use crate::events::{Event, Progress, SharedReporter, Unit};
use crate::json;

use super::FrontEnd;
use super::targets::Work;

pub const STEP: &str = "purge";

/// Waits of at least this length are reported.
const LONG: Duration = Duration::from_secs(2);

/// Why a purge ended.
#[derive(Debug)]
pub enum Ending {
    Done,
    /// The user stopped it.
    Interrupted,
    Failed(ApiError),
}

/// The result of a purge.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Purged {
    #[serde(skip)]
    pub ending: Ending,
    /// How many items Cloudflare accepted, by kind.
    #[serde(rename = "purged")]
    pub done: BTreeMap<ItemKind, u64>,
    /// Whether Cloudflare accepted the request to purge everything.
    #[serde(rename = "purged_everything")]
    pub everything: bool,
    /// Items that Cloudflare has not accepted.
    pub left: BTreeMap<ItemKind, Vec<String>>,
    /// How many items in `left` were in a request that got no answer.
    pub in_doubt: u64,
    /// How many items were in a request that was sent again although the first may have worked.
    pub sent_again: u64,
    /// All requests, including those that the rate limit refused.
    pub requests: u64,
    /// How many requests the rate limit refused.
    pub turned_away: u64,
    /// Time spent waiting for the rate limit.
    #[serde(rename = "waited_seconds", serialize_with = "json::whole_seconds")]
    #[schemars(with = "u64")]
    pub waited: Duration,
}

/// Purges until all items are done, `stop` completes, or a request fails permanently.
pub async fn purge(
    client: &Cloudflare,
    zone: &FrontEnd,
    work: &Work,
    stop: impl Future<Output = ()>,
    reporter: &SharedReporter,
) -> Purged {
    let purged = Purged {
        ending: Ending::Done,
        done: BTreeMap::new(),
        everything: false,
        left: BTreeMap::new(),
        in_doubt: 0,
        sent_again: 0,
        requests: 0,
        turned_away: 0,
        waited: Duration::ZERO,
    };
    let total = match work {
        Work::Everything => 1,
        Work::Some(targets) => targets.count(),
    };
    let mut run = Run {
        client,
        zone: &zone.id,
        stop: std::pin::pin!(stop),
        reporter,
        purged,
        total,
        not_before: None,
    };
    match work {
        Work::Everything => {
            let answer = run.batch(Selection::Everything, 1).await;
            run.purged.everything = answer.is_ok();
            run.end(answer);
        }
        Work::Some(targets) => {
            for (kind, items) in targets.kinds() {
                run.kind(kind, items, targets.batches(kind, zone.plan())).await;
            }
        }
    }
    // A Ctrl-C after the last request changes nothing: the purge is complete.
    let is_whole = run.purged.everything || !run.purged.done.is_empty();
    if matches!(run.purged.ending, Ending::Interrupted) && is_whole && run.purged.left.is_empty() {
        run.purged.ending = Ending::Done;
    }
    run.purged
}

/// Why a batch was not accepted.
enum Stopped {
    Interrupted,
    Failed(ApiError),
}

struct Run<'a, S> {
    client: &'a Cloudflare,
    zone: &'a ZoneId,
    stop: std::pin::Pin<&'a mut S>,
    reporter: &'a SharedReporter,
    purged: Purged,
    total: u64,
    /// When the next request may be sent, if the server said so.
    not_before: Option<Instant>,
}

impl<S: Future<Output = ()>> Run<'_, S> {
    /// Purges all items of one kind. After the run has ended, all its items are left.
    async fn kind<'i>(
        &mut self,
        kind: ItemKind,
        items: &[String],
        batches: impl Iterator<Item = &'i [String]>,
    ) {
        let mut done = 0;
        for batch in batches {
            if !matches!(self.purged.ending, Ending::Done) {
                break;
            }
            let count = batch.len() as u64;
            let answer = self.batch(Selection::Some(kind, batch), count).await;
            if answer.is_ok() {
                done += batch.len();
                *self.purged.done.entry(kind).or_default() += count;
                self.progress(kind);
            }
            self.end(answer);
        }
        let left = items.get(done..).unwrap_or_default();
        if !left.is_empty() {
            self.purged.left.insert(kind, left.to_vec());
        }
    }

    fn end(&mut self, answer: Result<(), Stopped>) {
        self.purged.ending = match answer {
            Ok(()) => return,
            Err(Stopped::Interrupted) => Ending::Interrupted,
            Err(Stopped::Failed(error)) => Ending::Failed(error),
        };
    }

    /// Sends one batch until it is accepted.
    async fn batch(&mut self, selection: Selection<'_>, count: u64) -> Result<(), Stopped> {
        let timing = *self.client.timing();
        let (mut failures, mut denied, mut held_up) = (0, false, Duration::ZERO);
        // Whether an earlier try of this batch may have worked.
        let mut in_doubt = false;
        loop {
            if let Some(moment) = self.not_before.take() {
                let wait = moment.saturating_duration_since(Instant::now());
                self.wait_for_limit(wait, in_doubt, count).await?;
            }
            let error = match self.once(selection).await {
                Ok(Some(wait)) => {
                    self.not_before = wait.map(|wait| Instant::now() + wait);
                    return Ok(());
                }
                Ok(None) => {
                    self.purged.in_doubt = count;
                    return Err(Stopped::Interrupted);
                }
                Err(error) => error,
            };
            in_doubt |= error.leaves_doubt();
            if error.kind() == ErrorKind::OverLimit {
                self.purged.turned_away += 1;
                let wait = error.reason.retry_after.unwrap_or(timing.backoff.longest);
                held_up += wait;
                if held_up > timing.patience {
                    return Err(self.failed(error, in_doubt, count));
                }
                self.not_before = Some(Instant::now() + wait);
                continue;
            }
            let wait = if error.kind() == ErrorKind::Unauthorized && !denied {
                // Cloudflare sometimes refuses a valid token once.
                denied = true;
                timing.backoff.wait(1)
            } else if error.is_transient() && failures + 1 < timing.tries {
                failures += 1;
                timing.backoff.wait(failures)
            } else {
                return Err(self.failed(error, in_doubt, count));
            };
            self.pause(wait, in_doubt, count).await?;
            if error.leaves_doubt() {
                self.purged.sent_again += count;
            }
        }
    }

    /// Sends one request, and returns the wait before the next one. `None` if the user stopped the
    /// run before the answer came.
    async fn once(
        &mut self,
        selection: Selection<'_>,
    ) -> Result<Option<Option<Duration>>, ApiError> {
        self.purged.requests += 1;
        let mut request = std::pin::pin!(self.client.purge_once(self.zone, selection));
        tokio::select! {
            biased;
            answer = &mut request => return answer.map(Some),
            () = self.stop.as_mut() => {}
        }
        let grace = self.client.timing().grace;
        let answer = tokio::time::timeout(grace, request).await;
        // `stop` has completed and must not be polled again.
        self.purged.ending = Ending::Interrupted;
        answer.map_or(Ok(None), |answer| answer.map(Some))
    }

    fn failed(&mut self, error: ApiError, in_doubt: bool, count: u64) -> Stopped {
        self.purged.in_doubt = if in_doubt { count } else { 0 };
        Stopped::Failed(error)
    }

    async fn wait_for_limit(
        &mut self,
        wait: Duration,
        in_doubt: bool,
        count: u64,
    ) -> Result<(), Stopped> {
        if wait >= LONG {
            let done: u64 = self.purged.done.values().sum();
            self.reporter.emit(Event::Note(format!(
                "Cloudflare's rate limit: continuing in {} s ({done} of {} done)",
                wait.as_secs_f64().ceil(),
                self.total
            )));
        }
        self.pause(wait, in_doubt, count).await?;
        self.purged.waited += wait;
        Ok(())
    }

    async fn pause(&mut self, wait: Duration, in_doubt: bool, count: u64) -> Result<(), Stopped> {
        let interrupted = matches!(self.purged.ending, Ending::Interrupted);
        if !interrupted {
            tokio::select! {
                () = tokio::time::sleep(wait) => return Ok(()),
                () = self.stop.as_mut() => {}
            }
        }
        self.purged.in_doubt = if in_doubt { count } else { 0 };
        Err(Stopped::Interrupted)
    }

    fn progress(&self, kind: ItemKind) {
        let progress = Progress {
            done: self.purged.done.values().sum(),
            total: Some(self.total),
            unit: Unit::Items,
            current: json::name(kind),
        };
        self.reporter.emit(Event::StepProgress { step: STEP, progress });
    }
}
