//! Transfers many objects at once with several workers, counts the progress, and decides when to
//! stop.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::events::{Event, Progress, SharedReporter, Unit};
use crate::words;

use super::error::MediaError;
use super::fate::Fate;
use super::verify::Verdict;

/// After this many keys in a row without an answer, the whole transfer stops.
const FAILURES_IN_A_ROW: u32 = 64;

/// A key that could not be transferred. The other keys continued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub key: String,
    pub reason: String,
    pub fate: Fate,
}

/// How many workers start at once. Each success lets another worker start, so if every object
/// fails, that shows before hundreds were tried.
const FIRST_WORKERS: usize = 64;

/// The result of a transfer.
#[derive(Debug, Default)]
pub struct Outcome {
    pub objects: u64,
    pub bytes: u64,
    /// Keys that another try may transfer.
    pub failures: Vec<Failure>,
    /// Keys that cannot be read now: archived, gone or missing.
    pub skipped: Vec<Failure>,
    /// Objects that could be compared by size only.
    pub unverified: u64,
    /// Whether the transfer stopped early. The failures say why, and some keys were not tried.
    pub given_up: bool,
}

impl Outcome {
    /// Adds a later result that the same progression has counted.
    pub fn add(&mut self, later: Outcome) {
        let Outcome { objects, bytes, failures, skipped, unverified, given_up } = later;
        (self.objects, self.bytes, self.unverified) = (objects, bytes, unverified);
        self.failures.extend(failures);
        self.skipped.extend(skipped);
        self.given_up |= given_up;
    }
}

/// Counts the progress of a transfer.
pub struct Progression {
    step: &'static str,
    reporter: SharedReporter,
    total_objects: u64,
    total_bytes: u64,
    objects: AtomicU64,
    bytes: AtomicU64,
    unverified: AtomicU64,
    failures: Mutex<Vec<Failure>>,
    in_a_row: AtomicU32,
    stop: AtomicBool,
    /// Whether an ETag was the MD5 of its object. If one is, all ETags of this server are.
    etags_are_md5: AtomicBool,
}

impl Progression {
    pub fn new(
        step: &'static str,
        reporter: SharedReporter,
        total_objects: u64,
        total_bytes: u64,
    ) -> Arc<Progression> {
        Arc::new(Progression {
            step,
            reporter,
            total_objects,
            total_bytes,
            objects: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            unverified: AtomicU64::new(0),
            failures: Mutex::default(),
            in_a_row: AtomicU32::new(0),
            stop: AtomicBool::new(false),
            etags_are_md5: AtomicBool::new(false),
        })
    }

    fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Starts to count the bytes of one object.
    pub fn count(&self) -> Counted<'_> {
        Counted { progression: self, bytes: AtomicU64::new(0), kept: false }
    }

    pub fn saw_md5(&self) {
        self.etags_are_md5.store(true, Ordering::Relaxed);
    }

    /// Judges bytes that do not match an ETag that looks like an MD5. If no ETag of this server has
    /// been an MD5, two reads that agree are accepted as what the server has.
    pub fn judge_md5(&self, found: [u8; 16], seen: &mut Option<[u8; 16]>) -> Verdict {
        let again = seen.replace(found) == Some(found);
        match again && !self.etags_are_md5.load(Ordering::Relaxed) {
            true => Verdict::Unproven(found),
            false => Verdict::Other("MD5"),
        }
    }

    pub fn unverified(&self) {
        self.unverified.fetch_add(1, Ordering::Relaxed);
    }

    fn done(&self) {
        self.objects.fetch_add(1, Ordering::Relaxed);
        self.in_a_row.store(0, Ordering::Relaxed);
    }

    fn failed(&self, key: String, error: &MediaError) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.push(Failure { key, reason: error.line(), fate: error.fate() });
        // A refused key says nothing about the next key. If many refused keys stopped the transfer,
        // a rerun would never get past them.
        let succeeded = self.objects.load(Ordering::Relaxed) > 0;
        let trouble = u32::from(error.is_trouble() || (error.is_bad_signature() && !succeeded));
        let in_a_row = self.in_a_row.fetch_add(trouble, Ordering::Relaxed) + trouble;
        if error.is_fatal() || in_a_row >= FAILURES_IN_A_ROW {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn report_progress(&self) {
        let objects = self.objects.load(Ordering::Relaxed);
        let current =
            format!("{} of {}", words::count(objects), words::plural(self.total_objects, "object"));
        self.reporter.emit(Event::StepProgress {
            step: self.step,
            progress: Progress {
                done: self.bytes.load(Ordering::Relaxed),
                total: Some(self.total_bytes),
                unit: Unit::Bytes,
                current,
            },
        });
    }

    fn outcome(&self) -> Outcome {
        let mut failures =
            std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner));
        failures.sort_by(|one, two| one.key.cmp(&two.key));
        let (failures, skipped) =
            failures.into_iter().partition(|failure| failure.fate.is_worth_a_try());
        Outcome {
            objects: self.objects.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            failures,
            skipped,
            unverified: self.unverified.load(Ordering::Relaxed),
            given_up: self.stop.load(Ordering::Relaxed),
        }
    }
}

/// Counts the bytes of one object. They are subtracted again if the object fails.
pub struct Counted<'a> {
    progression: &'a Progression,
    bytes: AtomicU64,
    kept: bool,
}

impl Counted<'_> {
    pub fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.progression.add_bytes(bytes);
    }

    /// Subtracts the bytes so far, because the object is read again.
    pub fn start_over(&self) {
        let bytes = self.bytes.swap(0, Ordering::Relaxed);
        self.progression.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Keeps the bytes, because the object is complete.
    pub fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.start_over();
        }
    }
}

/// Raises the limit on open files. Each transfer needs a connection and perhaps a file, and some
/// systems allow only 256 by default. If the limit cannot be raised, some transfers fail by name.
fn allow_open_files() {
    const WANTED: u64 = 2048;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < WANTED) {
        limit.current = Some(limit.maximum.map_or(WANTED, |maximum| maximum.min(WANTED)));
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

/// Ends the workers that wait for a success.
struct CloseOnDrop(Arc<Semaphore>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Runs `work` on every item, `jobs` at a time. Dropping the future stops all workers.
pub async fn for_each<T, F, W>(
    items: Vec<T>,
    jobs: usize,
    progression: &Arc<Progression>,
    key: fn(&T) -> &str,
    work: F,
) -> Outcome
where
    T: Send + Sync + 'static,
    F: Fn(Arc<T>) -> W + Clone + Send + Sync + 'static,
    W: Future<Output = Result<(), MediaError>> + Send + 'static,
{
    allow_open_files();
    let mut workers = JoinSet::new();
    let count = jobs.min(items.len());
    let queue = Arc::new(Mutex::new(items.into_iter()));
    let successes = Arc::new(Semaphore::new(0));
    for number in 0..count {
        let (queue, work, progression) =
            (Arc::clone(&queue), work.clone(), Arc::clone(progression));
        let successes = Arc::clone(&successes);
        workers.spawn(async move {
            // Closes the semaphore when no work is left.
            let _end = CloseOnDrop(Arc::clone(&successes));
            if number >= FIRST_WORKERS {
                match successes.acquire().await {
                    Ok(success) => success.forget(),
                    Err(_) => return,
                }
            }
            while !progression.stop.load(Ordering::Relaxed) {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(item) = next.map(Arc::new) else { return };
                match work(Arc::clone(&item)).await {
                    Ok(()) => {
                        progression.done();
                        successes.add_permits(1);
                    }
                    Err(error) => progression.failed(key(&item).to_owned(), &error),
                }
            }
        });
    }
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            ended = workers.join_next() => match ended {
                Some(Ok(())) => {}
                // A worker that ended in another way has not finished its item.
                Some(Err(_)) => {
                    let reason = "the worker ended early".to_owned();
                    let failure = Failure { key: String::new(), reason, fate: Fate::Failing };
                    progression.failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
                }
                None => break,
            },
            _ = ticks.tick() => progression.report_progress(),
        }
    }
    progression.outcome()
}
