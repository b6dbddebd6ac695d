//! Reads the bytes of the download task as a blocking [`Read`].

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, Bytes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;

use super::connection::{Connection, Fetcher};
use super::{DownloadError, ObjectVersion};

/// How many bytes may wait to be read, in kibibytes. The queue keeps a slow link busy while the
/// reader pauses, for example while tables are created at the start.
const WAITING_KIBIBYTES: u32 = 16 << 10;

/// A chunk of bytes, which counts as waiting until it is read.
type Chunk = (Bytes, OwnedSemaphorePermit);

/// How far a download is, for the progress display.
#[derive(Debug, Default)]
pub struct Counters {
    received: AtomicU64,
    connections: AtomicU64,
}

impl Counters {
    /// Bytes received, whether or not they were read yet.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// How many connections were made. More than one means that the download was resumed.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

/// The bytes of a download in order. Reading blocks, so use a plain thread and not one that runs
/// asynchronous tasks. Dropping the reader ends the download.
#[derive(Debug)]
pub struct DownloadReader {
    receiver: mpsc::UnboundedReceiver<Result<Chunk, DownloadError>>,
    room: Arc<Semaphore>,
    current: Bytes,
    position: u64,
    start: u64,
    end: u64,
    version: ObjectVersion,
    counters: Arc<Counters>,
    task: AbortHandle,
}

/// Runs the rest of the download in its own task.
pub fn spawn(mut fetcher: Fetcher, mut connection: Connection) -> DownloadReader {
    let (sender, receiver) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(WAITING_KIBIBYTES as usize));
    let waiting_room = Arc::clone(&room);
    let counters = Arc::new(Counters::default());
    counters.connections.store(fetcher.connections(), Ordering::Relaxed);
    let (start, end) = (fetcher.position(), fetcher.end());
    let version = connection.version().clone();
    let shared = Arc::clone(&counters);
    let task = tokio::spawn(async move {
        loop {
            let next = fetcher.next(&mut connection).await;
            shared.received.store(fetcher.position() - start, Ordering::Relaxed);
            shared.connections.store(fetcher.connections(), Ordering::Relaxed);
            let Some(next) = next.transpose() else { break };
            let message = match next {
                Ok(bytes) => {
                    let size = u32::try_from(bytes.len() / 1024 + 1).unwrap_or(WAITING_KIBIBYTES);
                    let size = size.min(WAITING_KIBIBYTES);
                    let permit = Arc::clone(&waiting_room).acquire_many_owned(size).await;
                    // The room is closed when the reader is gone.
                    let Ok(permit) = permit else { break };
                    Ok((bytes, permit))
                }
                Err(error) => Err(error),
            };
            let failed = message.is_err();
            if sender.send(message).is_err() || failed {
                break;
            }
        }
    })
    .abort_handle();
    let current = Bytes::new();
    DownloadReader { receiver, room, current, position: start, start, end, version, counters, task }
}

impl DownloadReader {
    /// How many bytes this reader returns in total.
    pub fn length(&self) -> u64 {
        self.end - self.start
    }

    /// How long the whole object is.
    pub fn total_length(&self) -> u64 {
        self.version.total_length
    }

    /// Needed to fetch a part of the same object again.
    pub fn version(&self) -> &ObjectVersion {
        &self.version
    }

    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }
}

impl Read for DownloadReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.current.is_empty() && !buffer.is_empty() {
            self.current = match self.receiver.blocking_recv() {
                Some(Ok((bytes, _permit))) => bytes,
                Some(Err(error)) => return Err(io::Error::other(error)),
                None if self.position == self.end => return Ok(0),
                None => {
                    let error = DownloadError::Stopped { at: self.position, end: self.end };
                    return Err(io::Error::other(error));
                }
            };
        }
        let count = buffer.len().min(self.current.len());
        if let Some(part) = buffer.get_mut(..count) {
            self.current.copy_to_slice(part);
        }
        self.position += count as u64;
        Ok(count)
    }
}

impl Drop for DownloadReader {
    fn drop(&mut self) {
        self.room.close();
        self.task.abort();
    }
}
