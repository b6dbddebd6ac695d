//! Builds indexes, constraints, triggers and the rest on several sessions, each as soon as what
//! it needs is there.
//!
//! Two statements that lock the same table do not run together, unless both are `CREATE INDEX`:
//! they would wait for each other on the server, or deadlock. Of several that are ready, those of
//! the largest table go first.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::activity::Activity;
use crate::adapters::postgres::{DatabaseUrl, Session};
use crate::archive::{DumpId, TocEntry};
use crate::events::{Event, Progress, SharedReporter, Unit};

use super::copy_pool::Loaded;
use super::entries::PostDataEntry;
use super::session::SessionSettings;
use super::statements::{self, Deferred};
use super::{RestoreError, RestorePlan};

pub const STEP: &str = "indexes";

/// What became of the entries, and of the rows that they waited for.
#[derive(Debug, Default)]
pub struct PostData {
    pub loaded: Vec<Loaded>,
    /// Entries that failed and may succeed when everything else is there.
    pub deferred: Vec<Deferred>,
}

/// Runs every post-data entry. Ends when all were tried, or at the first error that cannot pass.
///
/// `loaded` tells of each block that is complete, those that were skipped included.
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
                None => rows_are_in = true,
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

struct Scheduler<'a> {
    plan: &'a RestorePlan,
    waiting: Vec<Waiting<'a>>,
    /// Which waiting entries look at a block or entry.
    dependents: HashMap<DumpId, Vec<usize>>,
    /// Entries that need nothing more, by their place in `waiting`.
    ready: Vec<usize>,
    locks: HashMap<DumpId, Locked>,
    sizes: HashMap<DumpId, u64>,
    done: usize,
    current: String,
}

struct Waiting<'a> {
    entry: &'a PostDataEntry,
    id: DumpId,
    needs: HashSet<DumpId>,
    size: u64,
}

#[derive(Default)]
struct Locked {
    shared: usize,
    exclusive: bool,
}

impl<'a> Scheduler<'a> {
    fn new(plan: &'a RestorePlan) -> Self {
        let mut scheduler = Scheduler {
            plan,
            waiting: Vec::new(),
            dependents: HashMap::new(),
            ready: Vec::new(),
            locks: HashMap::new(),
            sizes: HashMap::new(),
            done: 0,
            current: String::new(),
        };
        for (place, entry) in plan.post_data.iter().enumerate() {
            let id = plan.entry(entry.index).map_or(DumpId(0), |found| found.id);
            for need in &entry.needs {
                scheduler.dependents.entry(*need).or_default().push(place);
            }
            if entry.needs.is_empty() {
                scheduler.ready.push(place);
            }
            scheduler.waiting.push(Waiting { entry, id, needs: entry.needs.clone(), size: 0 });
        }
        scheduler
    }

    fn block_is_in(&mut self, loaded: Loaded) {
        self.sizes.insert(loaded.block, loaded.size);
        self.satisfy(loaded.block);
    }

    fn satisfy(&mut self, id: DumpId) {
        let size = self.sizes.get(&id).copied().unwrap_or_default();
        for place in self.dependents.remove(&id).unwrap_or_default() {
            let Some(waiting) = self.waiting.get_mut(place) else { continue };
            waiting.size = waiting.size.max(size);
            if waiting.needs.remove(&id) && waiting.needs.is_empty() {
                self.ready.push(place);
            }
        }
    }

    /// Picks the entry of the largest table that can run now, and takes its locks. Gives its place
    /// among the waiting and its index in the TOC.
    fn start_next(&mut self) -> Option<(usize, usize)> {
        let (at, place) = self
            .ready
            .iter()
            .enumerate()
            .filter_map(|(at, place)| Some((at, *place, self.waiting.get(*place)?)))
            .filter(|(_, _, waiting)| self.can_lock(waiting.entry))
            .max_by_key(|(_, place, waiting)| (waiting.size, std::cmp::Reverse(*place)))
            .map(|(at, place, _)| (at, place))?;
        self.ready.swap_remove(at);
        let entry = self.waiting.get(place)?.entry;
        for table in &entry.locks {
            let lock = self.locks.entry(*table).or_default();
            if entry.exclusive { lock.exclusive = true } else { lock.shared += 1 }
        }
        self.current = self.plan.entry(entry.index).map(TocEntry::describe).unwrap_or_default();
        Some((place, entry.index))
    }

    fn can_lock(&self, entry: &PostDataEntry) -> bool {
        entry.locks.iter().all(|table| match self.locks.get(table) {
            None => true,
            Some(lock) => !lock.exclusive && (!entry.exclusive || lock.shared == 0),
        })
    }

    fn finish(&mut self, place: usize) {
        self.done += 1;
        let Some(waiting) = self.waiting.get(place) else { return };
        let (id, entry) = (waiting.id, waiting.entry);
        for table in &entry.locks {
            if let Some(lock) = self.locks.get_mut(table) {
                if entry.exclusive { lock.exclusive = false } else { lock.shared -= 1 }
            }
        }
        self.satisfy(id);
    }

    fn progress(&self) -> Event {
        Event::StepProgress {
            step: STEP,
            progress: Progress {
                done: self.done as u64,
                total: Some(self.waiting.len() as u64),
                unit: Unit::Items,
                current: self.current.clone(),
            },
        }
    }

    /// Cycles were refused before, so that an entry can only be left if a block never came.
    fn check_all_done(&self) -> Result<(), RestoreError> {
        match self.waiting.iter().find(|waiting| !waiting.needs.is_empty()) {
            None => Ok(()),
            Some(waiting) => {
                let name = self.plan.entry(waiting.entry.index).map(TocEntry::describe);
                Err(RestoreError::Incomplete(format!("{} was not built", name.unwrap_or_default())))
            }
        }
    }
}
