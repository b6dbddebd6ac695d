//! Several COPY sessions that take rows from the one stream.
//!
//! A table begins on one session. When its rows come faster than that session takes them, another
//! idle session joins: rows of COPY text are independent of each other, so a large table is split
//! at its newlines. Queues are bounded, which bounds memory and holds the download back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, PoisonError, Weak};

use bytes::Bytes;
use futures_util::SinkExt;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;

use crate::activity::Activity;
use crate::adapters::postgres::{DatabaseUrl, PostgresError, Session};
use crate::archive::DumpId;
use crate::words;

use super::RestoreError;
use super::session::SessionSettings;

/// Batches that wait for a session, for one table.
const QUEUE: usize = 8;

/// Bytes that are on their way to the server, over all tables. A single row may be larger: it then
/// travels alone.
const BYTES_UNDER_WAY: usize = 8 << 20;

/// A table is split once this much of it has passed: below it, opening a second COPY costs more
/// than it brings.
const SPLIT_AFTER: u64 = 4 << 20;

/// The sending side, used by the thread that reads the archive.
pub struct CopyPool {
    jobs: mpsc::Sender<TableJob>,
    loaded: mpsc::UnboundedSender<Loaded>,
    sessions: usize,
    budget: Arc<Budget>,
    activity: Activity,
}

/// Holds the reading thread back while enough bytes are under way.
#[derive(Default)]
struct Budget {
    used: std::sync::Mutex<usize>,
    freed: Condvar,
}

/// Rows that are on their way. They count from [`Batch::new`] until they are dropped.
///
/// Why the budget never waits on itself: only [`Batch::new`] waits for room, on the thread that
/// reads the archive, and at that moment the thread holds no batch. So every byte that counts lies
/// in a queue or with a session. A session that has a batch waits for the server alone and drops it
/// as soon as it was sent, before it asks for the next. A queue that is not empty belongs to a table
/// whose job was sent before its first batch. A session takes that job as soon as it is done with
/// an earlier table, for which no more rows can come. By induction over the tables each batch is
/// sent, each drop makes room, and a batch of any size goes when nothing else is under way.
struct Batch {
    rows: Bytes,
    budget: Arc<Budget>,
}

impl Batch {
    /// Blocks until there is room. A session that fails drops its batches, which makes room, and
    /// sending then fails.
    fn new(rows: Bytes, budget: &Arc<Budget>, activity: &Activity) -> Batch {
        let mut used = budget.used.lock().unwrap_or_else(PoisonError::into_inner);
        while *used > 0 && *used + rows.len() > BYTES_UNDER_WAY {
            let _waits = activity.waiting(format!(
                "the reader of the backup waits with {} of rows until sessions have sent some of {}",
                words::bytes(rows.len() as u64),
                words::bytes(*used as u64)
            ));
            used = budget.freed.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
        *used += rows.len();
        drop(used);
        Batch { rows, budget: budget.clone() }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        *self.budget.used.lock().unwrap_or_else(PoisonError::into_inner) -= self.rows.len();
        self.budget.freed.notify_one();
    }
}

/// A table whose last row is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    pub block: DumpId,
    /// Bytes of COPY text, for the order in which indexes are built.
    pub size: u64,
    /// Rows that the server counted.
    pub rows: u64,
}

/// One table's rows for one session; each session that joins gets one of its own.
struct TableJob {
    name: Arc<str>,
    statement: Arc<str>,
    batches: Arc<Mutex<mpsc::Receiver<Batch>>>,
    /// Dropped by each session when it is done; the last one tells that the table is complete.
    progress: Arc<TableProgress>,
}

/// What a [`TableJob`] is made of, without keeping the queue's receiving end alive: sending must
/// fail once no session receives.
struct JobTemplate {
    name: Arc<str>,
    statement: Arc<str>,
    batches: Weak<Mutex<mpsc::Receiver<Batch>>>,
    progress: Arc<TableProgress>,
}

impl JobTemplate {
    fn job(&self) -> Option<TableJob> {
        Some(TableJob {
            name: self.name.clone(),
            statement: self.statement.clone(),
            batches: self.batches.upgrade()?,
            progress: self.progress.clone(),
        })
    }
}

struct TableProgress {
    block: DumpId,
    rows: AtomicU64,
    size: AtomicU64,
    finished: AtomicU64,
    joined: AtomicU64,
    closed: watch::Sender<bool>,
    loaded: mpsc::UnboundedSender<Loaded>,
}

impl TableProgress {
    /// Tells the scheduler once every session that joined has committed its rows. A session that
    /// failed never gets here, so that a table that lacks rows never counts as loaded.
    fn finish_one(&self) {
        let finished = self.finished.fetch_add(1, Ordering::SeqCst) + 1;
        if finished == self.joined.load(Ordering::SeqCst) && *self.closed.borrow() {
            // The scheduler is gone only when the load has failed elsewhere.
            let _ = self.loaded.send(Loaded {
                block: self.block,
                size: self.size.load(Ordering::SeqCst),
                rows: self.rows.load(Ordering::SeqCst),
            });
        }
    }
}

impl CopyPool {
    /// Opens the sessions. Their tasks end when the pool is dropped or one of them fails; the
    /// first error is what [`JoinSet::join_next`] gives.
    pub async fn start(
        url: &DatabaseUrl,
        settings: &SessionSettings,
        sessions: usize,
        loaded: mpsc::UnboundedSender<Loaded>,
        activity: &Activity,
    ) -> Result<(CopyPool, JoinSet<Result<(), RestoreError>>), RestoreError> {
        let (jobs, receiver) = mpsc::channel(sessions * 2);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut tasks = JoinSet::new();
        for _ in 0..sessions {
            let session = settings.open(url).await?;
            tasks.spawn(work(session, receiver.clone(), activity.clone()));
        }
        let (budget, activity) = (Arc::default(), activity.clone());
        Ok((CopyPool { jobs, loaded, sessions, budget, activity }, tasks))
    }

    /// Begins a table. Blocks while all sessions are busy and others wait.
    pub fn begin(
        &self,
        block: DumpId,
        name: &str,
        statement: String,
    ) -> Result<TableSender, RestoreError> {
        let (sender, batches) = mpsc::channel(QUEUE);
        let job = TableJob {
            name: name.into(),
            statement: statement.into(),
            batches: Arc::new(Mutex::new(batches)),
            progress: Arc::new(TableProgress {
                block,
                rows: AtomicU64::new(0),
                size: AtomicU64::new(0),
                finished: AtomicU64::new(0),
                joined: AtomicU64::new(1),
                closed: watch::Sender::new(false),
                loaded: self.loaded.clone(),
            }),
        };
        let table = TableSender {
            sender,
            budget: self.budget.clone(),
            activity: self.activity.clone(),
            template: JobTemplate {
                name: job.name.clone(),
                statement: job.statement.clone(),
                batches: Arc::downgrade(&job.batches),
                progress: job.progress.clone(),
            },
            jobs: self.jobs.clone(),
            joined: 1,
            sessions: self.sessions,
        };
        let waits = format!("the reader of the backup waits for a session to take {name}");
        let _waits = self.activity.waiting(waits);
        self.jobs.blocking_send(job).map_err(|_| RestoreError::PartEnded)?;
        Ok(table)
    }
}

/// Takes one table's rows, in batches of complete lines.
pub struct TableSender {
    sender: mpsc::Sender<Batch>,
    budget: Arc<Budget>,
    activity: Activity,
    template: JobTemplate,
    jobs: mpsc::Sender<TableJob>,
    joined: usize,
    sessions: usize,
}

impl TableSender {
    /// Blocks while the sessions are behind, and asks another one to join.
    pub fn send(&mut self, rows: Bytes) -> Result<(), RestoreError> {
        let size = self.template.progress.size.fetch_add(rows.len() as u64, Ordering::SeqCst);
        let batch = match self.sender.try_send(Batch::new(rows, &self.budget, &self.activity)) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(RestoreError::PartEnded),
            Err(mpsc::error::TrySendError::Full(batch)) => batch,
        };
        if size > SPLIT_AFTER && self.joined < self.sessions {
            self.ask_another_to_join();
        }
        let name = &self.template.name;
        let waits = format!("the reader of the backup waits for a place in the queue of {name}");
        let _waits = self.activity.waiting(waits);
        self.sender.blocking_send(batch).map_err(|_| RestoreError::PartEnded)
    }

    fn ask_another_to_join(&mut self) {
        // Counted before it is sent: the session may be done with it before this returns.
        let Some(job) = self.template.job() else { return };
        self.template.progress.joined.fetch_add(1, Ordering::SeqCst);
        match self.jobs.try_send(job) {
            Ok(()) => self.joined += 1,
            Err(_) => {
                self.template.progress.joined.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    /// No more rows: the sessions finish, and the table is then told as loaded.
    pub fn finish(self) {
        self.template.progress.closed.send_replace(true);
    }
}

async fn work(
    session: Session,
    jobs: Arc<Mutex<mpsc::Receiver<TableJob>>>,
    activity: Activity,
) -> Result<(), RestoreError> {
    loop {
        let idle = activity.waiting("a COPY session waits for a table");
        let job = jobs.lock().await.recv().await;
        drop(idle);
        let Some(job) = job else {
            session.close().await;
            return Ok(());
        };
        copy(&session, &job, &activity).await?;
        job.progress.finish_one();
    }
}

/// Copies the batches of a table that this session gets hold of, in one COPY.
async fn copy(session: &Session, job: &TableJob, activity: &Activity) -> Result<(), RestoreError> {
    let what: Arc<str> = format!("copying rows of {}", job.name).into();
    let waits: Arc<str> = format!("a COPY session waits for rows of {}", job.name).into();
    let under_way = || activity.statement(what.clone(), session.number());
    let next_batch = async || {
        let _waits = activity.waiting(waits.clone());
        next_batch(job).await
    };
    let Some(mut batch) = next_batch().await? else { return Ok(()) };
    let fail = |error| RestoreError::Copy {
        table: job.name.to_string(),
        source: PostgresError::Server(error),
    };
    let starting = under_way();
    let sink = session.copy_in::<_, Bytes>(&*job.statement).await.map_err(fail)?;
    drop(starting);
    let mut sink = std::pin::pin!(sink);
    loop {
        let sending = under_way();
        let fed = sink.feed(batch.rows.clone()).await;
        drop(sending);
        activity.moved(batch.rows.len());
        // Room is made before the next batch is waited for: a row as large as all the room there is
        // could not come otherwise, and both sides would wait for each other.
        drop(batch);
        if let Err(error) = fed {
            // A server that refuses rows ends the COPY, of which sending only notices that it is
            // closed. Finishing it brings the server's own reason.
            let reason = sink.as_mut().finish().await.err().unwrap_or(error);
            return Err(fail(reason));
        }
        match next_batch().await? {
            Some(next) => batch = next,
            None => break,
        }
    }
    let _finishing = under_way();
    let rows = sink.as_mut().finish().await.map_err(fail)?;
    job.progress.rows.fetch_add(rows, Ordering::SeqCst);
    Ok(())
}

/// The next batch, or `None` once the table was finished. A sender that went away without
/// finishing has failed, and its table must not be committed.
async fn next_batch(job: &TableJob) -> Result<Option<Batch>, RestoreError> {
    match job.batches.lock().await.recv().await {
        Some(batch) => Ok(Some(batch)),
        None if *job.progress.closed.borrow() => Ok(None),
        None => Err(RestoreError::PartEnded),
    }
}
