//! What a process knows of the topic of signals, and its own subscribers.

use crate::signal::{Lane, Signals};
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

/// See the module.
pub(in crate::kafka) struct Local {
    pub(super) lane: Lane,
    /// Whether the topic is there. Nothing is written or followed before.
    topic: AtomicBool,
    /// Whether an operator was told that signals stay within the node.
    warned: AtomicBool,
}

impl Local {
    pub(in crate::kafka) fn new(node: Uuid) -> Self {
        Self { lane: Lane::new(node), topic: AtomicBool::new(false), warned: AtomicBool::new(false) }
    }

    pub(in crate::kafka) fn subscribe(&self) -> Signals {
        self.lane.subscribe()
    }

    pub(in crate::kafka) fn close(&self) {
        self.lane.close();
    }

    pub(in crate::kafka) fn topic_is_there(&self) {
        self.topic.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_topic(&self) -> bool {
        self.topic.load(Ordering::Relaxed)
    }

    /// Tells an operator once, who may have wanted it so.
    pub(in crate::kafka) fn stay_here(&self, reason: &str) {
        if self.warned.swap(true, Ordering::Relaxed) {
            return tracing::debug!(reason, "signals stay within this node");
        }
        tracing::warn!(reason, "signals stay within this node: others do not see who is typing here");
    }
}
