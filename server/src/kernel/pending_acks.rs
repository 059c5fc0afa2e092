//! Use cases that wait for their own record to come back on the tail.
//!
//! A use case registers under the record's id before it appends; the follower resolves it once the views hold the record,
//! which readers see from then on. So what a caller is told is what every reader sees: who won a name, at which offset a message counts.

use super::projector::{AnyOutcome, Applied};
use kafkatalk_log::RecordId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

type Waiting = HashMap<RecordId, (Instant, oneshot::Sender<Option<AnyOutcome>>)>;

/// Everyone who waits. Clones share the list.
#[derive(Clone, Debug, Default)]
pub struct PendingAcks {
    waiting: Arc<Mutex<Waiting>>,
}

/// A registered record; forgotten when dropped.
#[derive(Debug)]
pub struct PendingAck {
    record: RecordId,
    pending: PendingAcks,
    applied: oneshot::Receiver<Option<AnyOutcome>>,
}

impl PendingAcks {
    /// Registers a record. Do so before the append: the tail may be quicker than its answer.
    pub fn register(&self, record: RecordId) -> PendingAck {
        let (resolve, applied) = oneshot::channel();
        self.lock().insert(record, (Instant::now(), resolve));
        PendingAck { record, pending: self.clone(), applied }
    }

    /// Wakes the use case that waits for this record, if one does on this node; how long it has waited.
    pub fn resolve(&self, applied: &Applied) -> Option<Duration> {
        let (since, waiting) = self.lock().remove(&applied.record)?;
        // Who went away meanwhile does not need the answer.
        let _ = waiting.send(applied.outcome.clone());
        Some(since.elapsed())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // The map is whole after every statement, so a panic elsewhere has not torn it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingAck {
    /// Waits until the views hold the record; what came of it, where they understood it. An error if the node stops first.
    pub(super) async fn wait(&mut self) -> Result<Option<AnyOutcome>, oneshot::error::RecvError> {
        (&mut self.applied).await
    }
}

impl Drop for PendingAck {
    fn drop(&mut self) {
        self.pending.lock().remove(&self.record);
    }
}
