//! The node's own acknowledgements, on their way to its tails.

use super::limits;
use crate::Record;
use kafkatalk_protocol::ConversationId;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use tokio::sync::mpsc;
use uuid::Uuid;

/// What a tail hears from the node's own appends.
pub(super) enum Ack {
    /// Acknowledged.
    Record { conversation: ConversationId, offset: u64, record: Arc<Record> },
    /// Acknowledged, and stands for nothing.
    Hole { conversation: ConversationId, offset: u64 },
    /// Perhaps written: to be looked up.
    Unsure { conversation: ConversationId },
}

/// Where one tail hears of them.
#[derive(Clone)]
pub(super) struct Inbox {
    pub(super) id: Uuid,
    pub(super) acks: mpsc::Sender<Ack>,
    /// Whether something did not fit in, so that a sweep must find it.
    pub(super) overflowed: Arc<AtomicBool>,
    /// Of the records that wait in it.
    bytes: Arc<AtomicUsize>,
}

impl Inbox {
    /// An inbox for so many, and where its acknowledgements come out.
    pub(super) fn new(max: usize) -> (Self, mpsc::Receiver<Ack>) {
        let (acks, receiver) = mpsc::channel(max);
        (Self { id: Uuid::new_v4(), acks, overflowed: Arc::default(), bytes: Arc::default() }, receiver)
    }

    pub(super) fn tell(&self, ack: Ack) {
        let bytes = ack.bytes();
        let fits = self.bytes.fetch_add(bytes, Ordering::Relaxed) <= limits::INBOX_BYTES_MAX;
        if !fits || self.acks.try_send(ack).is_err() {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.overflowed.store(true, Ordering::Release);
        }
    }

    /// One was taken out.
    pub(super) fn took(&self, ack: &Ack) {
        self.bytes.fetch_sub(ack.bytes(), Ordering::Relaxed);
    }
}

impl Ack {
    fn bytes(&self) -> usize {
        if let Self::Record { record, .. } = self { record.bytes() } else { 0 }
    }
}
