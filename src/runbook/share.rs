//! Keeps the essence that the lock shows to other machines up to date with every record.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::entry::{Consumer, Entry, Record};
use super::essence::Essence;
use super::lock::Holder;

pub(super) struct Share {
    shared: Vec<&'static str>,
    essence: Mutex<Essence>,
    holder: Mutex<Option<Holder>>,
    news: Arc<Notify>,
}

impl Share {
    pub fn new(essence: Essence, shared: &[&'static str]) -> Self {
        Share {
            shared: shared.to_vec(),
            essence: Mutex::new(essence),
            holder: Mutex::default(),
            news: Arc::default(),
        }
    }

    pub fn essence(&self) -> Essence {
        self.essence.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers the holder after the lock was taken.
    pub fn hold(&self, holder: Holder) {
        *self.holder.lock().unwrap_or_else(PoisonError::into_inner) = Some(holder);
    }

    /// The holder with its present essence, if the lock was taken.
    pub fn holder(&self, now: jiff::Timestamp) -> Option<Holder> {
        let holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(Holder { at: now, essence: Some(self.essence()), ..holder })
    }

    /// Notified when the lock should be refreshed at once.
    pub fn news(&self) -> Arc<Notify> {
        self.news.clone()
    }
}

impl Consumer for Arc<Share> {
    fn take(&self, record: &Record) {
        let mut essence = self.essence.lock().unwrap_or_else(PoisonError::into_inner);
        essence.take(record, &self.shared);
        // A remote job continues by itself, so a rollback on another machine has to know about it.
        if matches!(record.entry, Entry::External { .. }) {
            self.news.notify_one();
        }
    }
}
