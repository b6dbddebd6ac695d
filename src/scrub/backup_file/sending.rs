//! Compresses and writes on a thread of its own, with a queue before it.
//!
//! The audit has passed everything in the queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::BackupFileError;
use super::destination::Sink;
use crate::activity::Activity;
use crate::archive::{ArchiveWriter, DumpId, WriteError};

/// How many portions may wait. Each is a quarter of a megabyte, unless its rows are longer.
const QUEUE: usize = 8;

/// What the writer does next.
pub(super) enum Piece {
    BeginRows(DumpId),
    Rows(Vec<u8>),
    EndRows,
    BeginRawRows(DumpId),
    Raw(Vec<u8>),
    EndRawRows,
    BeginObjects(DumpId),
    BeginRawObject(u32),
    BeginObject(u32),
    ObjectBytes(Vec<u8>),
    EndObject,
    EndObjects,
}

/// The sending end of the queue.
pub(super) struct Sender {
    queue: SyncSender<Piece>,
    stopped: Arc<AtomicBool>,
    activity: Activity,
}

impl Sender {
    /// Queues a piece, unless writing was stopped.
    pub(super) fn send(&self, piece: Piece) -> Result<(), BackupFileError> {
        if self.stopped.load(Ordering::SeqCst) {
            return Ok(());
        }
        let _waits = self.activity.waiting("the reader of the backup waits for the writer");
        self.queue.send(piece).map_err(|_| BackupFileError::WriterEnded)
    }

    /// Stops all writing, including the pieces in the queue.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }
}

/// The writing end of the queue.
pub(super) struct Writing {
    thread: JoinHandle<Result<ArchiveWriter<Sink>, WriteError>>,
}

impl Writing {
    /// Waits until the queue is empty and closed, and returns the writer.
    pub(super) fn join(self) -> Result<ArchiveWriter<Sink>, WriteError> {
        let ended = || WriteError::Io(std::io::Error::other("the writing thread ended early"));
        self.thread.join().unwrap_or_else(|_| Err(ended()))
    }
}

pub(super) fn start(mut writer: ArchiveWriter<Sink>, activity: &Activity) -> (Sender, Writing) {
    let (queue, pieces) = sync_channel(QUEUE);
    let stopped = Arc::new(AtomicBool::new(false));
    let sender = Sender { queue, stopped: stopped.clone(), activity: activity.clone() };
    let activity = activity.clone();
    let thread = std::thread::spawn(move || {
        write_all(&mut writer, &pieces, &stopped, &activity)?;
        Ok(writer)
    });
    (sender, Writing { thread })
}

fn write_all(
    writer: &mut ArchiveWriter<Sink>,
    pieces: &Receiver<Piece>,
    stopped: &AtomicBool,
    activity: &Activity,
) -> Result<(), WriteError> {
    loop {
        let idle = activity.waiting("the writer waits for rows");
        let Ok(piece) = pieces.recv() else { break };
        drop(idle);
        if stopped.load(Ordering::SeqCst) {
            continue;
        }
        let _at_work = activity.begin("compressing and writing the result");
        match piece {
            Piece::BeginRows(id) => writer.begin_rows(id)?,
            Piece::Rows(rows) => writer.rows(&rows)?,
            Piece::EndRows => writer.end_rows()?,
            Piece::BeginRawRows(id) => writer.begin_raw_rows(id)?,
            Piece::Raw(framed) => writer.raw(&framed)?,
            Piece::EndRawRows => writer.end_raw_rows()?,
            Piece::BeginObjects(id) => writer.begin_objects(id)?,
            Piece::BeginRawObject(oid) => writer.begin_raw_object(oid)?,
            Piece::BeginObject(oid) => writer.begin_object(oid)?,
            Piece::ObjectBytes(bytes) => writer.object_bytes(&bytes)?,
            Piece::EndObject => writer.end_object()?,
            Piece::EndObjects => writer.end_objects()?,
        }
    }
    Ok(())
}
