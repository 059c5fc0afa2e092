//! Use cases that wait for their own record to come back on the tail.
//!
//! A use case enlists under the record's id before it appends; the follower calls it up once the views hold the record,
//! which readers see from then on. So what a caller is told is what every reader sees: who won a name, at which offset a message counts.

use crate::views::Change;
use kafkatalk_log::RecordId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

type Waiting = HashMap<RecordId, (Instant, oneshot::Sender<Change>)>;

/// Everyone who waits. Clones share the list.
#[derive(Clone, Debug, Default)]
pub struct Waiters {
    waiting: Arc<Mutex<Waiting>>,
}

/// A place in the list; given up when dropped.
#[derive(Debug)]
pub struct Place {
    record: RecordId,
    waiters: Waiters,
    called: oneshot::Receiver<Change>,
}

impl Waiters {
    /// Takes a place. Do so before the append: the tail may be quicker than its answer.
    pub fn enlist(&self, record: RecordId) -> Place {
        let (call, called) = oneshot::channel();
        self.lock().insert(record, (Instant::now(), call));
        Place { record, waiters: self.clone(), called }
    }

    /// Calls up who waits for this record, if anyone does on this node; how long they have waited.
    pub fn call(&self, record: RecordId, change: &Change) -> Option<Duration> {
        let (since, call) = self.lock().remove(&record)?;
        // Who went away meanwhile does not need the answer.
        let _ = call.send(change.clone());
        Some(since.elapsed())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // The map is whole after every statement, so a panic elsewhere has not torn it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until the views hold the record; what it changed. None if the node stops first.
    pub async fn called(&mut self) -> Option<Change> {
        (&mut self.called).await.ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiters.lock().remove(&self.record);
    }
}
