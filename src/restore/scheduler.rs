//! Decides which entry is built next: one whose needs are met and whose tables are not locked. If
//! there are several, the one of the largest table comes first.
//!
//! A decision costs about the same for ten entries as for ten thousand: an entry that a lock keeps
//! out is parked at that table, and comes back when the table is free.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use crate::archive::{DumpId, TocEntry};
use crate::events::{Event, Progress, Unit};

use super::copy_pool::Loaded;
use super::entries::PostDataEntry;
use super::post_data::STEP;
use super::{RestoreError, RestorePlan};

/// How many parked entries come back when a table is free. More would mostly be parked again.
const COME_BACK: usize = 16;

pub struct Scheduler<'a> {
    plan: &'a RestorePlan,
    waiting: Vec<Waiting<'a>>,
    /// Which waiting entries need a block or entry.
    dependents: HashMap<DumpId, Vec<usize>>,
    /// Which families a block belongs to.
    families_of: HashMap<DumpId, Vec<DumpId>>,
    /// How many blocks each family still lacks.
    missing: HashMap<DumpId, usize>,
    /// Entries that wait for the rows of all tables.
    after_all_rows: Vec<usize>,
    /// Entries whose needs are met: the size of the table, and the place in `waiting`, earlier ones
    /// first.
    ready: BinaryHeap<(u64, Reverse<usize>)>,
    locks: HashMap<DumpId, Locked>,
    sizes: HashMap<DumpId, u64>,
    running: usize,
    done: usize,
    current: String,
}

struct Waiting<'a> {
    entry: &'a PostDataEntry,
    id: DumpId,
    needs: HashSet<DumpId>,
    rows_are_missing: bool,
    size: u64,
}

#[derive(Default)]
struct Locked {
    shared: usize,
    exclusive: bool,
    /// Ready entries that this lock keeps out.
    parked: BinaryHeap<(u64, Reverse<usize>)>,
}

impl Locked {
    fn keeps_out(&self, entry: &PostDataEntry) -> bool {
        self.exclusive || (entry.exclusive && self.shared > 0)
    }
}

impl<'a> Scheduler<'a> {
    pub fn new(plan: &'a RestorePlan) -> Self {
        let mut scheduler = Scheduler {
            plan,
            waiting: Vec::new(),
            dependents: HashMap::new(),
            families_of: HashMap::new(),
            missing: HashMap::new(),
            after_all_rows: Vec::new(),
            ready: BinaryHeap::new(),
            locks: HashMap::new(),
            sizes: HashMap::new(),
            running: 0,
            done: 0,
            current: String::new(),
        };
        for (family, blocks) in &plan.families {
            scheduler.missing.insert(*family, blocks.len());
            for block in blocks {
                scheduler.families_of.entry(*block).or_default().push(*family);
            }
        }
        for (place, entry) in plan.post_data.iter().enumerate() {
            let id = plan.entry(entry.index).map_or(DumpId(0), |found| found.id);
            for need in &entry.needs {
                scheduler.dependents.entry(*need).or_default().push(place);
            }
            if entry.needs_all_rows {
                scheduler.after_all_rows.push(place);
            }
            scheduler.waiting.push(Waiting {
                entry,
                id,
                needs: entry.needs.clone(),
                rows_are_missing: entry.needs_all_rows,
                size: 0,
            });
            scheduler.ready_if_complete(place);
        }
        scheduler
    }

    pub fn block_is_in(&mut self, loaded: Loaded) {
        self.sizes.insert(loaded.block, loaded.size);
        self.satisfy(loaded.block);
        // Removed, so that each block counts once.
        for family in self.families_of.remove(&loaded.block).unwrap_or_default() {
            let largest = self.sizes.entry(family).or_default();
            *largest = (*largest).max(loaded.size);
            let Some(missing) = self.missing.get_mut(&family) else { continue };
            *missing = missing.saturating_sub(1);
            if *missing == 0 {
                self.satisfy(family);
            }
        }
    }

    /// Notes that every block is loaded.
    pub fn rows_are_in(&mut self) {
        for place in std::mem::take(&mut self.after_all_rows) {
            if let Some(waiting) = self.waiting.get_mut(place) {
                waiting.rows_are_missing = false;
            }
            self.ready_if_complete(place);
        }
    }

    fn satisfy(&mut self, id: DumpId) {
        let size = self.sizes.get(&id).copied().unwrap_or_default();
        for place in self.dependents.remove(&id).unwrap_or_default() {
            let Some(waiting) = self.waiting.get_mut(place) else { continue };
            waiting.size = waiting.size.max(size);
            if waiting.needs.remove(&id) {
                self.ready_if_complete(place);
            }
        }
    }

    fn ready_if_complete(&mut self, place: usize) {
        let Some(waiting) = self.waiting.get(place) else { return };
        if waiting.needs.is_empty() && !waiting.rows_are_missing {
            self.ready.push((waiting.size, Reverse(place)));
        }
    }

    /// Picks the entry of the largest table that can run now, and takes its locks. Returns its
    /// place in `waiting` and its index in the TOC.
    pub fn start_next(&mut self) -> Option<(usize, usize)> {
        loop {
            let Some((size, Reverse(place))) = self.ready.pop() else {
                // Entries parked at one table may have come back only to be parked at another
                // table.
                if self.running == 0 && self.all_come_back() {
                    continue;
                }
                return None;
            };
            let entry = self.waiting.get(place)?.entry;
            match entry.locks.iter().find(|table| self.is_kept_out(**table, entry)) {
                Some(table) => {
                    self.locks.entry(*table).or_default().parked.push((size, Reverse(place)));
                }
                None => {
                    self.take_locks(entry);
                    self.running += 1;
                    self.current =
                        self.plan.entry(entry.index).map(TocEntry::describe).unwrap_or_default();
                    return Some((place, entry.index));
                }
            }
        }
    }

    fn is_kept_out(&self, table: DumpId, entry: &PostDataEntry) -> bool {
        self.locks.get(&table).is_some_and(|lock| lock.keeps_out(entry))
    }

    fn take_locks(&mut self, entry: &PostDataEntry) {
        for table in &entry.locks {
            let lock = self.locks.entry(*table).or_default();
            if entry.exclusive { lock.exclusive = true } else { lock.shared += 1 }
        }
    }

    /// Brings all parked entries back, because no entry runs and no lock is held. Returns whether
    /// any entry is ready.
    fn all_come_back(&mut self) -> bool {
        for lock in self.locks.values_mut() {
            self.ready.append(&mut lock.parked);
        }
        !self.ready.is_empty()
    }

    pub fn finish(&mut self, place: usize) {
        self.done += 1;
        self.running = self.running.saturating_sub(1);
        let Some(waiting) = self.waiting.get(place) else { return };
        let (id, entry) = (waiting.id, waiting.entry);
        for table in &entry.locks {
            let Some(lock) = self.locks.get_mut(table) else { continue };
            match entry.exclusive {
                true => lock.exclusive = false,
                false => lock.shared = lock.shared.saturating_sub(1),
            }
            for _ in 0..COME_BACK {
                self.ready.extend(lock.parked.pop());
            }
        }
        self.satisfy(id);
    }

    pub fn progress(&self) -> Event {
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

    /// Checks that every entry was built. Cycles were refused earlier, so an entry is left only if
    /// a block never came.
    pub fn check_all_done(&self) -> Result<(), RestoreError> {
        let is_open =
            |waiting: &&Waiting<'_>| !waiting.needs.is_empty() || waiting.rows_are_missing;
        match self.waiting.iter().find(is_open) {
            None if self.done == self.waiting.len() => Ok(()),
            waiting => {
                let entry = waiting.and_then(|waiting| self.plan.entry(waiting.entry.index));
                let name = entry.map(TocEntry::describe).unwrap_or_default();
                Err(RestoreError::Incomplete(format!("{name} was not built")))
            }
        }
    }
}
