//! Copies rows from one stream into the database through several COPY sessions.
//!
//! A table starts on one session. If its rows arrive faster than the session takes them, an idle
//! session joins: rows of COPY text are independent, so a large table can be split at newlines. The
//! queues are bounded, which limits memory and slows the download down to the server's speed.

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

/// How many batches of one table may wait for a session.
const QUEUE: usize = 8;

/// How many bytes of all tables may be on their way to the server. A larger row travels alone.
const BYTES_UNDER_WAY: usize = 8 << 20;

/// A table is split after this many bytes. Below that, a second COPY costs more than it saves.
const SPLIT_AFTER: u64 = 4 << 20;

/// The sending side, used by the thread that reads the archive.
pub struct CopyPool {
    jobs: mpsc::Sender<TableJob>,
    loaded: mpsc::UnboundedSender<Loaded>,
    sessions: usize,
    budget: Arc<Budget>,
    activity: Activity,
}

/// Makes the reading thread wait while enough bytes are on their way.
#[derive(Default)]
struct Budget {
    used: std::sync::Mutex<usize>,
    freed: Condvar,
}

/// Rows on their way to the server. They count against the budget from [`Batch::new`] until
/// dropped.
///
/// Why this cannot deadlock: only [`Batch::new`] waits for room, on the thread that reads the
/// archive, and that thread holds no batch at that moment. So every counted byte is in a queue or
/// with a session. A session that holds a batch waits only for the server, and drops the batch once
/// it is sent, before it asks for the next. A queue with batches belongs to a table whose job was
/// sent before its first batch. A session takes that job as soon as it has finished an earlier
/// table, for which no more rows can come. By induction over the tables, each batch is sent, each
/// drop makes room, and a batch of any size is sent when no other bytes are on their way.
struct Batch {
    rows: Bytes,
    budget: Arc<Budget>,
}

impl Batch {
    /// Blocks until there is room. A session that fails drops its batches. That makes room, and the
    /// next send fails.
    fn new(rows: Bytes, budget: &Arc<Budget>, activity: &Activity) -> Batch {
        let mut used = budget.used.lock().unwrap_or_else(PoisonError::into_inner);
        while *used > 0 && *used + rows.len() > BYTES_UNDER_WAY {
            let _waits = activity.waiting(format!(
                "the reader of the backup waits with {} of rows until the server has taken some \
                 of {}",
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

/// A table whose rows are all loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    pub block: DumpId,
    /// Bytes of COPY text. Indexes of larger tables are built first.
    pub size: u64,
    /// Rows that the server counted.
    pub rows: u64,
}

/// One table's rows for one session. Each session that joins gets its own job.
struct TableJob {
    name: Arc<str>,
    statement: Arc<str>,
    batches: Arc<Mutex<mpsc::Receiver<Batch>>>,
    /// Each session reports here when it has finished. The last one reports the table as complete.
    progress: Arc<TableProgress>,
}

/// Makes further [`TableJob`]s. It does not keep the queue's receiver alive, because sending must
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
    /// Reports the table to the scheduler once every session that joined has committed its rows. A
    /// failed session never gets here, so a table that lacks rows never counts as loaded.
    fn finish_one(&self) {
        let finished = self.finished.fetch_add(1, Ordering::SeqCst) + 1;
        if finished == self.joined.load(Ordering::SeqCst) && *self.closed.borrow() {
            // The scheduler is gone only if the load has failed elsewhere.
            let _ = self.loaded.send(Loaded {
                block: self.block,
                size: self.size.load(Ordering::SeqCst),
                rows: self.rows.load(Ordering::SeqCst),
            });
        }
    }
}

impl CopyPool {
    /// Opens the sessions. Their tasks end when the pool is dropped or one of them fails.
    /// [`JoinSet::join_next`] returns the first error.
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

    /// Starts a table. Blocks while all sessions are busy and other tables wait.
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
    /// Blocks while the sessions are behind, and asks another session to join.
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
        // Counted before the job is sent: the session may finish it before this returns.
        let Some(job) = self.template.job() else { return };
        self.template.progress.joined.fetch_add(1, Ordering::SeqCst);
        match self.jobs.try_send(job) {
            Ok(()) => self.joined += 1,
            Err(_) => {
                self.template.progress.joined.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    /// Ends the table: the sessions finish, and the table is then reported as loaded.
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

/// Copies the batches that this session receives of a table, in one COPY.
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
        // Make room before waiting for the next batch. Otherwise a row that needs the whole budget
        // could never arrive, and both sides would wait for each other.
        drop(batch);
        if let Err(error) = fed {
            // A server that refuses rows closes the COPY, and sending reports only that. Finishing
            // the COPY returns the server's own reason.
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

/// The next batch, or `None` once the table is finished. A sender that was dropped without
/// finishing has failed, so its table must not be committed.
async fn next_batch(job: &TableJob) -> Result<Option<Batch>, RestoreError> {
    match job.batches.lock().await.recv().await {
        Some(batch) => Ok(Some(batch)),
        None if *job.progress.closed.borrow() => Ok(None),
        None => Err(RestoreError::PartEnded),
    }
}
