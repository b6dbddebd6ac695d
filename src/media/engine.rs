//! Many objects at once: workers that take the next one, what is counted, and when to stop.

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

/// So many keys for which no answer comes, one after the other, are no longer a matter of keys.
const FAILURES_IN_A_ROW: u32 = 64;

/// A key that could not be transferred. The rest went on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub key: String,
    pub reason: String,
    pub fate: Fate,
}

/// So many objects are begun at first, and each that succeeds lets another worker begin: where every
/// object fails alike, that shows before hundreds were tried.
const FIRST_WORKERS: usize = 64;

/// What became of a list of objects.
#[derive(Debug, Default)]
pub struct Outcome {
    pub objects: u64,
    pub bytes: u64,
    /// Those that another try may bring.
    pub failures: Vec<Failure>,
    /// Those that nobody can read now: archived, gone or missing.
    pub skipped: Vec<Failure>,
    /// Objects of which nothing but their size could be compared.
    pub unverified: u64,
    /// The work was given up: the failures tell why, and not everything was tried.
    pub given_up: bool,
}

impl Outcome {
    /// Adds what became of further objects, counted by the same progression.
    pub fn add(&mut self, later: Outcome) {
        let Outcome { objects, bytes, failures, skipped, unverified, given_up } = later;
        (self.objects, self.bytes, self.unverified) = (objects, bytes, unverified);
        self.failures.extend(failures);
        self.skipped.extend(skipped);
        self.given_up |= given_up;
    }
}

/// What is counted while objects are under way.
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
    /// Whether an ETag was seen to be the MD5 of its object. Then they all are at this server.
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

    /// Begins to count the bytes of one object.
    pub fn count(&self) -> Counted<'_> {
        Counted { progression: self, bytes: AtomicU64::new(0), kept: false }
    }

    pub fn saw_md5(&self) {
        self.etags_are_md5.store(true, Ordering::Relaxed);
    }

    /// Judges bytes that do not match an ETag that looks like an MD5. Where no ETag of this server
    /// was seen to be one, two reads that agree are what the server has.
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
        // A key that is refused says nothing of the next one. Were a folder of such keys the end,
        // a rerun would never come past it.
        let succeeded = self.objects.load(Ordering::Relaxed) > 0;
        let trouble = u32::from(error.is_trouble() || (error.is_bad_signature() && !succeeded));
        let in_a_row = self.in_a_row.fetch_add(trouble, Ordering::Relaxed) + trouble;
        if error.is_fatal() || in_a_row >= FAILURES_IN_A_ROW {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn tell(&self) {
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

/// The bytes of one object. They do not count any more if the object fails.
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

    /// What came has to come again.
    pub fn start_over(&self) {
        let bytes = self.bytes.swap(0, Ordering::Relaxed);
        self.progression.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The object is done.
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

/// Each object under way is a connection and perhaps a file, and some systems allow 256 in all unless
/// asked for more. Where more are not to be had, those that come too late fail by name.
fn allow_open_files() {
    const WANTED: u64 = 2048;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < WANTED) {
        limit.current = Some(limit.maximum.map_or(WANTED, |maximum| maximum.min(WANTED)));
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

/// Lets workers that wait for a success end.
struct CloseOnDrop(Arc<Semaphore>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Does `work` on every item, `jobs` at a time. Dropping the future stops all of it.
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
            // Closed where nothing is left to do.
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
                // A worker that ended otherwise has not done what it had in hand.
                Some(Err(_)) => {
                    let reason = "the worker ended early".to_owned();
                    let failure = Failure { key: String::new(), reason, fate: Fate::Failing };
                    progression.failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
                }
                None => break,
            },
            _ = ticks.tick() => progression.tell(),
        }
    }
    progression.outcome()
}
