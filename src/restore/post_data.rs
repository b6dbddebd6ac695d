//! Builds indexes, constraints, triggers and the rest on several sessions, each as soon as its
//! needs are met.
//!
//! Two statements that lock the same table do not run together, unless both are `CREATE INDEX`:
//! they would wait for each other on the server, or deadlock. Statements of the largest table go
//! first.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::activity::Activity;
use crate::adapters::postgres::{DatabaseUrl, Session};
use crate::archive::TocEntry;
use crate::events::SharedReporter;

use super::copy_pool::Loaded;
use super::scheduler::Scheduler;
use super::session::SessionSettings;
use super::statements::{self, Deferred};
use super::{RestoreError, RestorePlan};

pub const STEP: &str = "indexes";

/// What happened to the entries, and to the rows that they waited for.
#[derive(Debug, Default)]
pub struct PostData {
    pub loaded: Vec<Loaded>,
    /// Entries that failed and may succeed once all others exist.
    pub deferred: Vec<Deferred>,
}

/// Runs every post-data entry. Ends after the last one, or at the first error that a retry cannot
/// fix.
///
/// `loaded` reports each complete block, including skipped ones.
pub async fn run(
    plan: Arc<RestorePlan>,
    url: &DatabaseUrl,
    settings: &SessionSettings,
    sessions: usize,
    mut loaded: mpsc::UnboundedReceiver<Loaded>,
    activity: &Activity,
    reporter: SharedReporter,
) -> Result<PostData, RestoreError> {
    let mut scheduler = Scheduler::new(&plan);
    let mut idle = Vec::new();
    for _ in 0..sessions {
        idle.push(settings.open(url).await?);
    }
    let mut running: JoinSet<(usize, Session, Outcome)> = JoinSet::new();
    let mut done = PostData::default();
    let mut rows_are_in = false;
    loop {
        while let Some(session) = idle.pop() {
            let Some((place, index)) = scheduler.start_next() else {
                idle.push(session);
                break;
            };
            let (plan, activity) = (plan.clone(), activity.clone());
            running.spawn(async move {
                let what = plan.entry(index).map(TocEntry::describe).unwrap_or_default();
                let _under_way = activity.statement(format!("building {what}"), session.number());
                let result = statements::execute(&session, &plan, index).await;
                (place, session, result)
            });
        }
        if rows_are_in && running.is_empty() {
            break;
        }
        tokio::select! {
            finished = running.join_next(), if !running.is_empty() => {
                let Some(Ok((place, session, result))) = finished else {
                    return Err(RestoreError::PartEnded);
                };
                done.deferred.extend(result?);
                scheduler.finish(place);
                idle.push(session);
                reporter.emit(scheduler.progress());
            }
            block = loaded.recv(), if !rows_are_in => match block {
                Some(block) => {
                    scheduler.block_is_in(block);
                    done.loaded.push(block);
                }
                None => {
                    rows_are_in = true;
                    scheduler.rows_are_in();
                }
            },
        }
    }
    for session in idle {
        session.close().await;
    }
    scheduler.check_all_done()?;
    Ok(done)
}

type Outcome = Result<Option<Deferred>, RestoreError>;
