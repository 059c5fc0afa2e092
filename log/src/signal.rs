//! Signals: what may be lost, such as that somebody is typing. They are in no stream and no view, have no offsets, and are
//! gone after moments. Publishing never waits, and never slows appends.

use crate::{
    limits::{SIGNAL_BYTES_MAX, SIGNALS_BUFFERED_MAX},
    record::Kind,
};
use kafkatalk_protocol::{ConversationId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::broadcast::{self, error::RecvError};
use uuid::Uuid;

/// Something that is true for moments.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Signal {
    /// What it says, such as `typing`. Whoever does not know a kind skips it.
    pub kind: Kind,
    /// The conversation that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// The person that it is about; nil where the payload names several.
    pub user: UserId,
    /// When, by the clock of the node that published it.
    pub at: Timestamp,
    /// JSON; at most [`SIGNAL_BYTES_MAX`] together with the kind.
    pub payload: Box<RawValue>,
    /// Which run of which node published it. [`crate::EventLog::publish`] sets it.
    #[serde(default)]
    pub node: Uuid,
}

impl Signal {
    /// What it takes up, in bytes, for limits on memory.
    pub fn bytes(&self) -> usize {
        self.payload.get().len() + self.kind.len()
    }
}

/// A subscription: see [`crate::EventLog::subscribe`].
#[derive(Debug)]
pub struct Signals {
    /// None where the log was closed before.
    receiver: Option<broadcast::Receiver<Arc<Signal>>>,
    lost: u64,
}

impl Signals {
    /// Waits for the next signal; none once the log is closed. Cancel safe. Skips what was lost since the last call.
    pub async fn next(&mut self) -> Option<Arc<Signal>> {
        let receiver = self.receiver.as_mut()?;
        loop {
            match receiver.recv().await {
                Ok(signal) => return Some(signal),
                Err(RecvError::Lagged(lost)) => self.lost += lost,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// How many signals were lost because this subscriber was slow.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

/// The way from publishers to the subscribers in this process.
pub(crate) struct Lane {
    node: Uuid,
    /// None once closed.
    sender: RwLock<Option<broadcast::Sender<Arc<Signal>>>>,
}

impl Lane {
    /// For a run of a node.
    pub(crate) fn new(node: Uuid) -> Self {
        Self { node, sender: RwLock::new(Some(broadcast::Sender::new(SIGNALS_BUFFERED_MAX))) }
    }

    /// Hands a signal of this node to its subscribers. Returns what other nodes are to hear; none where it was dropped.
    pub(crate) fn publish(&self, mut signal: Signal) -> Option<Arc<Signal>> {
        if signal.bytes() > SIGNAL_BYTES_MAX {
            tracing::debug!(kind = &*signal.kind, bytes = signal.bytes(), "signal dropped: too large");
            return None;
        }
        signal.node = self.node;
        let signal = Arc::new(signal);
        self.hand_out(Arc::clone(&signal)).then_some(signal)
    }

    /// Hands on what another node published. False once closed.
    pub(crate) fn hand_out(&self, signal: Arc<Signal>) -> bool {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        // Without subscribers nobody hears it.
        sender.as_ref().is_some_and(|sender| {
            let _ = sender.send(signal);
            true
        })
    }

    /// What is published from now on.
    pub(crate) fn subscribe(&self) -> Signals {
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        Signals { receiver: sender.as_ref().map(broadcast::Sender::subscribe), lost: 0 }
    }

    /// Ends all subscriptions.
    pub(crate) fn close(&self) {
        drop(self.sender.write().unwrap_or_else(PoisonError::into_inner).take());
    }
}
