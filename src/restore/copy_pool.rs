//! Several COPY sessions that take rows from the one stream.
//!
//! A table begins on one session. When its rows come faster than that session takes them, another
//! idle session joins: rows of COPY text are independent of each other, so a large table is split
//! at its newlines. Queues are bounded, which bounds memory and holds the download back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures_util::SinkExt;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;

use crate::adapters::postgres::{DatabaseUrl, PostgresError, Session};
use crate::archive::DumpId;

use super::RestoreError;
use super::session::SessionSettings;

/// Batches that wait for a session, for one table. With batches of 256 KiB this is 2 MiB.
const QUEUE: usize = 8;

/// A table is split once this much of it has passed: below it, opening a second COPY costs more
/// than it brings.
const SPLIT_AFTER: u64 = 4 << 20;

/// The sending side, used by the thread that reads the archive.
pub struct CopyPool {
    jobs: mpsc::Sender<TableJob>,
    loaded: mpsc::UnboundedSender<Loaded>,
    sessions: usize,
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
    batches: Arc<Mutex<mpsc::Receiver<Bytes>>>,
    /// Dropped by each session when it is done; the last one tells that the table is complete.
    progress: Arc<TableProgress>,
}

/// What a [`TableJob`] is made of, without keeping the queue's receiving end alive: sending must
/// fail once no session receives.
struct JobTemplate {
    name: Arc<str>,
    statement: Arc<str>,
    batches: Weak<Mutex<mpsc::Receiver<Bytes>>>,
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
    ) -> Result<(CopyPool, JoinSet<Result<(), RestoreError>>), RestoreError> {
        let (jobs, receiver) = mpsc::channel(sessions * 2);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut tasks = JoinSet::new();
        for _ in 0..sessions {
            let session = settings.open(url).await?;
            tasks.spawn(work(session, receiver.clone()));
        }
        Ok((CopyPool { jobs, loaded, sessions }, tasks))
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
        self.jobs.blocking_send(job).map_err(|_| RestoreError::PartEnded)?;
        Ok(table)
    }
}

/// Takes one table's rows, in batches of complete lines.
pub struct TableSender {
    sender: mpsc::Sender<Bytes>,
    template: JobTemplate,
    jobs: mpsc::Sender<TableJob>,
    joined: usize,
    sessions: usize,
}

impl TableSender {
    /// Blocks while the sessions are behind, and asks another one to join.
    pub fn send(&mut self, rows: Bytes) -> Result<(), RestoreError> {
        let size = self.template.progress.size.fetch_add(rows.len() as u64, Ordering::SeqCst);
        let rows = match self.sender.try_send(rows) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(RestoreError::PartEnded),
            Err(mpsc::error::TrySendError::Full(rows)) => rows,
        };
        if size > SPLIT_AFTER && self.joined < self.sessions {
            self.ask_another_to_join();
        }
        self.sender.blocking_send(rows).map_err(|_| RestoreError::PartEnded)
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
) -> Result<(), RestoreError> {
    loop {
        let job = jobs.lock().await.recv().await;
        let Some(job) = job else {
            session.close().await;
            return Ok(());
        };
        copy(&session, &job).await?;
        job.progress.finish_one();
    }
}

/// Copies the batches of a table that this session gets hold of, in one COPY.
async fn copy(session: &Session, job: &TableJob) -> Result<(), RestoreError> {
    let Some(first) = next_batch(job).await? else { return Ok(()) };
    let fail = |error| RestoreError::Copy {
        table: job.name.to_string(),
        source: PostgresError::Server(error),
    };
    let sink = session.copy_in::<_, Bytes>(&*job.statement).await.map_err(fail)?;
    let mut sink = std::pin::pin!(sink);
    sink.feed(first).await.map_err(fail)?;
    while let Some(batch) = next_batch(job).await? {
        sink.feed(batch).await.map_err(fail)?;
    }
    let rows = sink.as_mut().finish().await.map_err(fail)?;
    job.progress.rows.fetch_add(rows, Ordering::SeqCst);
    Ok(())
}

/// The next batch, or `None` once the table was finished. A sender that went away without
/// finishing has failed, and its table must not be committed.
async fn next_batch(job: &TableJob) -> Result<Option<Bytes>, RestoreError> {
    match job.batches.lock().await.recv().await {
        Some(batch) => Ok(Some(batch)),
        None if *job.progress.closed.borrow() => Ok(None),
        None => Err(RestoreError::PartEnded),
    }
}
