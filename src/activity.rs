//! Records what a long job is waiting for, so that a stalled job can report why.
//!
//! There are two kinds of items. An *outstanding* item is work: a read from the network, a
//! statement on the server, rows that are being rewritten. It ends without another part of bcops,
//! and may take any time. A *waiting* item needs another part of bcops. If something waits, nothing
//! is outstanding and no byte moves, no part can ever continue, and the watch ends the job with an
//! error that names every part.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::events::{Event, SharedReporter};
use crate::words;

/// How many outstanding items one round of lines names.
const NAMED_AT_ONCE: usize = 4;

/// How often the watch checks and reports, and when it ends the job.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub look_every: Duration,
    /// How long an item may be outstanding before it is reported while no byte moves, and between
    /// reports.
    pub tell_every: Duration,
    /// How long a job may stall with nothing outstanding.
    pub stalled_after: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            look_every: Duration::from_secs(1),
            tell_every: Duration::from_secs(15),
            stalled_after: Duration::from_secs(60),
        }
    }
}

/// The record of one job. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Activity(Arc<Account>);

#[derive(Debug, Default)]
struct Account {
    timing: Timing,
    /// Bytes that were read, rewritten or sent to the server.
    moved: AtomicU64,
    /// How many items began or ended.
    steps: AtomicU64,
    items: Mutex<Items>,
}

#[derive(Debug, Default)]
struct Items {
    next: u64,
    outstanding: BTreeMap<u64, Item>,
    waiting: BTreeMap<u64, Item>,
}

/// One item that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Reads well after "still": `building INDEX public.i`.
    pub what: Arc<str>,
    pub since: Instant,
    /// The server's process number of the session that runs it.
    pub session: Option<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Outstanding,
    Waiting,
}

/// Marks an item as active until it is dropped.
#[derive(Debug)]
#[must_use = "the item ends when this is dropped"]
pub struct UnderWay {
    account: Arc<Account>,
    kind: Kind,
    number: u64,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.account.steps.fetch_add(1, Ordering::Relaxed);
        let mut items = self.account.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.of(self.kind).remove(&self.number);
    }
}

impl Items {
    fn of(&mut self, kind: Kind) -> &mut BTreeMap<u64, Item> {
        match kind {
            Kind::Outstanding => &mut self.outstanding,
            Kind::Waiting => &mut self.waiting,
        }
    }
}

impl Activity {
    pub fn with_timing(timing: Timing) -> Activity {
        Activity(Arc::new(Account { timing, ..Account::default() }))
    }

    /// Begins an item that ends by itself: a read, or work on rows.
    pub fn begin(&self, what: impl Into<Arc<str>>) -> UnderWay {
        self.add(Kind::Outstanding, what.into(), None)
    }

    /// Begins a statement on the session with this number.
    pub fn statement(&self, what: impl Into<Arc<str>>, session: Option<i32>) -> UnderWay {
        self.add(Kind::Outstanding, what.into(), session)
    }

    /// Begins to wait for another part of bcops. `what` names both parts: `a COPY session waits for
    /// rows`.
    pub fn waiting(&self, what: impl Into<Arc<str>>) -> UnderWay {
        self.add(Kind::Waiting, what.into(), None)
    }

    pub fn moved(&self, bytes: usize) {
        self.0.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The same bytes, with each read recorded.
    pub fn watched<R: Read>(&self, inner: R, what: impl Into<Arc<str>>) -> Watched<R> {
        Watched { inner, activity: self.clone(), what: what.into() }
    }

    /// Bytes and steps.
    fn counted(&self) -> (u64, u64) {
        (self.0.moved.load(Ordering::Relaxed), self.0.steps.load(Ordering::Relaxed))
    }

    fn add(&self, kind: Kind, what: Arc<str>, session: Option<i32>) -> UnderWay {
        self.0.steps.fetch_add(1, Ordering::Relaxed);
        let item = Item { what, since: Instant::now(), session };
        let mut items = self.0.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.next += 1;
        let number = items.next;
        items.of(kind).insert(number, item);
        UnderWay { account: self.0.clone(), kind, number }
    }

    /// Watches the job, and returns only if it can never continue.
    pub async fn watch<E: Enquiry>(&self, reporter: &SharedReporter, mut enquiry: E) -> Stall {
        let mut observer = Observer::new(self.clone(), Instant::now());
        loop {
            tokio::time::sleep(self.0.timing.look_every).await;
            match observer.look(Instant::now()) {
                Sight::Moving => {}
                Sight::Slow { quiet, items } => {
                    let details = enquiry.ask(&items).await;
                    for line in lines(quiet, &items, &details) {
                        reporter.emit(Event::Note(line));
                    }
                }
                Sight::Stalled(stall) => match enquiry.is_anything_running().await {
                    true => observer.excuse(Instant::now()),
                    false => return stall,
                },
            }
        }
    }
}

/// Asks the server about long statements.
pub trait Enquiry: Send {
    /// For each item, what it waits for, if known.
    fn ask(&mut self, items: &[Item]) -> impl Future<Output = Vec<Option<Delay>>> + Send;

    /// Whether the server runs a statement of this job that is not recorded.
    fn is_anything_running(&mut self) -> impl Future<Output = bool> + Send;
}

/// What delays a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delay {
    pub cause: String,
    /// Another session must end or continue first.
    pub blocked: bool,
}

/// For jobs without a server.
pub struct NoServer;

impl Enquiry for NoServer {
    async fn ask(&mut self, _items: &[Item]) -> Vec<Option<Delay>> {
        Vec::new()
    }

    async fn is_anything_running(&mut self) -> bool {
        false
    }
}

/// One line for each item that delays the job: all items if nothing moves, else only those that
/// another session blocks.
fn lines(quiet: bool, items: &[Item], details: &[Option<Delay>]) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let detail = details.get(at).cloned().flatten();
        if !quiet && !detail.as_ref().is_some_and(|delay| delay.blocked) {
            continue;
        }
        let cause = detail.map(|delay| format!(": {}", delay.cause)).unwrap_or_default();
        let elapsed = words::duration(item.since.elapsed());
        lines.push(format!("still {} after {elapsed}{cause}", item.what));
    }
    let more = lines.len().saturating_sub(NAMED_AT_ONCE);
    lines.truncate(NAMED_AT_ONCE);
    if more > 0 {
        lines.push(format!("… and {more} more like these"));
    }
    lines
}

/// A job that can never continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stall {
    pub quiet_for: Duration,
    /// Each part that waits, and for what.
    pub parts: Vec<Arc<str>>,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quiet_for = words::duration(self.quiet_for);
        write!(
            f,
            "the job stalled: nothing has moved for {quiet_for}, and no read or statement is running"
        )?;
        if self.parts.is_empty() {
            return write!(f, ", and no part reports what it waits for");
        }
        for part in &self.parts {
            write!(f, "\n  {part}")?;
        }
        Ok(())
    }
}

/// The result of one check.
#[derive(Debug, PartialEq, Eq)]
enum Sight {
    Moving,
    /// Items have been outstanding for long, oldest first. `quiet` if no byte moved meanwhile.
    Slow {
        quiet: bool,
        items: Vec<Item>,
    },
    Stalled(Stall),
}

struct Observer {
    activity: Activity,
    seen: (u64, u64),
    bytes_since: Instant,
    steps_since: Instant,
    /// When a stall was last reported.
    told: Instant,
    /// When the server was last asked while bytes moved.
    asked: Instant,
}

impl Observer {
    fn new(activity: Activity, now: Instant) -> Observer {
        let seen = activity.counted();
        Observer { activity, seen, bytes_since: now, steps_since: now, told: now, asked: now }
    }

    /// Restarts the count, because the job had not really stalled.
    fn excuse(&mut self, now: Instant) {
        self.steps_since = now;
    }

    fn look(&mut self, now: Instant) -> Sight {
        let account = &self.activity.0;
        let timing = account.timing;
        let seen = self.activity.counted();
        if seen.0 != self.seen.0 {
            self.bytes_since = now;
        }
        if seen != self.seen {
            self.steps_since = now;
        }
        self.seen = seen;
        let items = account.items.lock().unwrap_or_else(PoisonError::into_inner);
        if items.outstanding.is_empty() {
            let quiet_for = now.duration_since(self.steps_since);
            if quiet_for < timing.stalled_after {
                return Sight::Moving;
            }
            let parts = items.waiting.values().map(|item| item.what.clone()).collect();
            return Sight::Stalled(Stall { quiet_for, parts });
        }
        let is_slow = |item: &&Item| now.duration_since(item.since) >= timing.tell_every;
        let mut slow: Vec<Item> = items.outstanding.values().filter(is_slow).cloned().collect();
        let quiet = now.duration_since(self.bytes_since) >= timing.tell_every;
        let last = if quiet { &mut self.told } else { &mut self.asked };
        if slow.is_empty() || now.duration_since(*last) < timing.tell_every {
            return Sight::Moving;
        }
        *last = now;
        slow.sort_by_key(|item| item.since);
        Sight::Slow { quiet, items: slow }
    }
}

/// A reader that records each of its reads.
pub struct Watched<R> {
    inner: R,
    activity: Activity,
    what: Arc<str>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let _under_way = self.activity.begin(self.what.clone());
        let count = self.inner.read(target)?;
        self.activity.moved(count);
        Ok(count)
    }
}

/// The hint for a stall, which only a bug in bcops can cause.
pub const STALLED: &str = "report this bug in bcops with these lines, then run the command again";

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn observed() -> (Activity, Observer, Instant) {
        let activity = Activity::default();
        let now = Instant::now();
        (activity.clone(), Observer::new(activity, now), now)
    }

    #[test]
    fn parts_that_wait_for_each_other_are_found_after_a_minute() {
        let (activity, mut observer, start) = observed();
        let _reader = activity.waiting("the reader waits for room");
        let _session = activity.waiting("a session waits for rows");
        assert_eq!(observer.look(start), Sight::Moving);
        assert_eq!(observer.look(start + 59 * SECOND), Sight::Moving);
        let Sight::Stalled(stall) = observer.look(start + 60 * SECOND) else { panic!("moving") };
        assert_eq!(stall.parts.len(), 2);
        assert!(stall.to_string().contains("the reader waits for room"), "{stall}");
        activity.moved(1);
        assert_eq!(observer.look(start + 61 * SECOND), Sight::Moving, "a byte moved");
        drop(activity.waiting("a step"));
        assert_eq!(observer.look(start + 120 * SECOND), Sight::Moving, "a step was taken");
        assert!(matches!(observer.look(start + 180 * SECOND), Sight::Stalled(_)));
        observer.excuse(start + 180 * SECOND);
        assert_eq!(observer.look(start + 239 * SECOND), Sight::Moving);
    }

    #[test]
    fn an_outstanding_item_is_named_and_never_a_stall() {
        let (activity, mut observer, start) = observed();
        let read = activity.begin("reading standard input");
        assert_eq!(observer.look(start), Sight::Moving);
        for round in 1..20 {
            let sight = observer.look(start + (15 * round + 1) * SECOND);
            let Sight::Slow { quiet: true, items } = sight else { panic!("{round}: {sight:?}") };
            assert_eq!(&*items[0].what, "reading standard input");
            assert_eq!(observer.look(start + (15 * round + 2) * SECOND), Sight::Moving);
        }
        activity.moved(1);
        let sight = observer.look(start + 400 * SECOND);
        assert!(matches!(sight, Sight::Slow { quiet: false, .. }), "{sight:?}");
        drop(read);
        assert_eq!(observer.look(start + 401 * SECOND), Sight::Moving);
    }

    #[test]
    fn while_bytes_move_only_blocked_statements_are_named() {
        let item = |what: &str| Item { what: what.into(), since: Instant::now(), session: None };
        let items = [item("building a"), item("building b"), item("building c")];
        let delay = |blocked| Some(Delay { cause: "it waits".to_owned(), blocked });
        let details = [delay(true), delay(false), None];
        assert_eq!(lines(false, &items, &details).len(), 1);
        let all = lines(true, &items, &details);
        assert_eq!(all.len(), 3);
        assert!(all[0].starts_with("still building a after"), "{all:?}");
        assert!(all[0].ends_with(": it waits"), "{all:?}");
        assert_eq!(lines(true, &[items.clone(), items].concat(), &[]).len(), NAMED_AT_ONCE + 1);
    }

    #[tokio::test]
    async fn a_watch_reports_and_then_ends() {
        #[derive(Default)]
        struct Heard(Mutex<Vec<Event>>);
        impl crate::events::Reporter for Heard {
            fn emit(&self, event: Event) {
                self.0.lock().unwrap().push(event);
            }
        }
        let timing = Timing {
            look_every: Duration::from_millis(2),
            tell_every: Duration::from_millis(20),
            stalled_after: Duration::from_millis(60),
        };
        let activity = Activity::with_timing(timing);
        let heard = Arc::new(Heard::default());
        let reporter: SharedReporter = heard.clone();
        let _part = activity.waiting("a waits for b");
        let read = activity.begin("reading");
        let ending = async {
            tokio::time::sleep(Duration::from_millis(150)).await;
            drop(read);
        };
        let (stall, ()) = tokio::join!(activity.watch(&reporter, NoServer), ending);
        assert_eq!(stall.parts.len(), 1);
        let notes = heard.0.lock().unwrap().len();
        assert!((2..=7).contains(&notes), "{notes}");
    }

    #[test]
    fn reads_are_recorded_while_they_last() {
        struct Looks(Activity);
        impl Read for Looks {
            fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
                assert_eq!(self.0.0.items.lock().unwrap().outstanding.len(), 1);
                Ok(target.len())
            }
        }
        let activity = Activity::default();
        let mut reader = activity.watched(Looks(activity.clone()), "reading");
        assert_eq!(reader.read(&mut [0; 7]).unwrap(), 7);
        assert_eq!(activity.0.moved.load(Ordering::Relaxed), 7);
        assert!(activity.0.items.lock().unwrap().outstanding.is_empty());
    }
}
