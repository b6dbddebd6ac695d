//! Sends a body, and fails only if no bytes leave any more. A slow connection may take any time.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;

/// A body up to this length is sent in one piece.
const PIECE: usize = 64 << 10;
/// How many bytes the system may have accepted and not sent yet.
const IN_BUFFERS: usize = 256 << 10;
/// The bytes a second of one connection among many on a slow line.
const SLOWEST: usize = 4 << 10;

pub struct Outgoing {
    bytes: Bytes,
    /// How many pieces the connection has taken.
    taken: Arc<AtomicUsize>,
}

impl Outgoing {
    pub fn new(bytes: Bytes) -> Outgoing {
        Outgoing { bytes, taken: Arc::default() }
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How long the bytes in the system's buffers may take.
    pub fn time_in_buffers(&self) -> Duration {
        Duration::from_millis((self.bytes.len().min(IN_BUFFERS) * 1000 / SLOWEST) as u64)
    }

    pub fn body(&self) -> reqwest::Body {
        if self.bytes.len() <= PIECE {
            return self.bytes.clone().into();
        }
        let taken = Arc::clone(&self.taken);
        let pieces = stream::unfold(self.bytes.clone(), move |mut rest| {
            taken.fetch_add(1, Ordering::Relaxed);
            async move {
                if rest.is_empty() {
                    return None;
                }
                let piece = rest.split_to(PIECE.min(rest.len()));
                Some((Ok::<Bytes, std::io::Error>(piece), rest))
            }
        });
        reqwest::Body::wrap_stream(pieces)
    }

    /// Waits for the answer. `None` if neither the answer came nor a piece left within `limit`.
    pub async fn watch<T>(&self, limit: Duration, answer: impl Future<Output = T>) -> Option<T> {
        let mut answer = pin!(answer);
        loop {
            let before = self.taken.load(Ordering::Relaxed);
            match tokio::time::timeout(limit, &mut answer).await {
                Ok(answer) => return Some(answer),
                Err(_) if self.taken.load(Ordering::Relaxed) == before => return None,
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_still_moves_is_waited_for() {
        let outgoing = Outgoing::new(Bytes::new());
        let moment = Duration::from_millis(100);
        let slow = async {
            for _ in 0..9 {
                tokio::time::sleep(moment).await;
                outgoing.taken.fetch_add(1, Ordering::Relaxed);
            }
            "done"
        };
        assert_eq!(outgoing.watch(moment * 3, slow).await, Some("done"));
        assert_eq!(outgoing.watch(moment, tokio::time::sleep(moment * 90)).await, None);
    }
}
