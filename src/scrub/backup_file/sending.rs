//! The thread that compresses and writes, and the queue before it.
//!
//! Everything that is put into the queue has been audited.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::BackupFileError;
use super::destination::Sink;
use crate::activity::Activity;
use crate::archive::{ArchiveWriter, DumpId, WriteError};

/// Portions that wait to be written, of a quarter of a megabyte each if rows are not longer.
const QUEUE: usize = 8;

/// What the writer is to do next.
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

/// The near end of the queue.
pub(super) struct Sender {
    queue: SyncSender<Piece>,
    stopped: Arc<AtomicBool>,
    activity: Activity,
}

impl Sender {
    /// Hands a piece on, unless writing was stopped.
    pub(super) fn send(&self, piece: Piece) -> Result<(), BackupFileError> {
        if self.stopped.load(Ordering::SeqCst) {
            return Ok(());
        }
        let _waits = self.activity.waiting("the reader of the backup waits for the writer");
        self.queue.send(piece).map_err(|_| BackupFileError::WriterEnded)
    }

    /// From now on nothing is written, not even what is in the queue.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }
}

/// The far end of the queue.
pub(super) struct Writing {
    thread: JoinHandle<Result<ArchiveWriter<Sink>, WriteError>>,
}

impl Writing {
    /// Waits until the queue is empty and closed, and gives the writer back.
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
