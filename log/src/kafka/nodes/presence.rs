//! What a process knows of the other nodes, and what a node says of itself.

use crate::{Level, kafka::limits};
use serde::{Deserialize, Serialize};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::watch;
use uuid::Uuid;

/// What a node says of itself. Its key on the topic is the instance.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::kafka) struct Heartbeat {
    /// Its name, for people.
    pub(in crate::kafka) node: String,
    /// Which run of it.
    pub(in crate::kafka) instance: Uuid,
    pub(in crate::kafka) state: NodeState,
    /// The highest feature level that it knows. Versions that knew of none did not say.
    #[serde(default)]
    pub(in crate::kafka) level: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::kafka) enum NodeState {
    Here,
    Leaving,
}

/// What a process knows of the topic and of the nodes on it.
#[derive(Default)]
pub(in crate::kafka) struct Presence {
    /// Whether the topic is there. Nothing is written or followed before.
    topic: AtomicBool,
    pub(super) others: AtomicUsize,
    /// The highest level that all live nodes know, and when that was heard.
    known_by_all: Mutex<Option<(Level, Instant)>>,
    /// The same, for those who wait for a level.
    pub(super) known_level: watch::Sender<Option<Level>>,
    /// Of which lacks an operator was told.
    warned: [AtomicBool; 3],
}

/// Why nodes may not hear of each other.
#[derive(Clone, Copy, Debug)]
pub(in crate::kafka) enum Lack {
    /// The topic is not there.
    Topic,
    /// This node may not write to it.
    Write,
    /// This node may not read it, or another topic that it follows: so that is never taken back.
    Read,
}

impl Presence {
    pub(in crate::kafka) fn topic_is_there(&self) {
        self.topic.store(true, Ordering::Relaxed);
        self.goes_with(Lack::Topic, "their topic is there");
    }

    pub(super) fn has_topic(&self) -> bool {
        self.topic.load(Ordering::Relaxed)
    }

    /// The highest level that all live nodes know, where somebody has just listened for long enough to say.
    pub(in crate::kafka) fn known_by_all(&self) -> Option<Level> {
        let (level, heard) = (*self.known_by_all.lock().unwrap_or_else(PoisonError::into_inner))?;
        (heard.elapsed() < limits::HEARTBEAT_EVERY).then_some(level)
    }

    pub(in crate::kafka) fn known_level(&self) -> watch::Receiver<Option<Level>> {
        self.known_level.subscribe()
    }

    /// Returns whether that is news.
    pub(super) fn all_know(&self, level: Level) -> bool {
        let mut known = self.known_by_all.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((level, Instant::now()));
        self.known_level.send_if_modified(|known| known.replace(level) != Some(level))
    }

    /// How many other nodes are heard of.
    pub(in crate::kafka) fn others(&self) -> usize {
        self.others.load(Ordering::Relaxed)
    }

    /// Nodes do not hear of each other. Tells an operator once, who may have wanted it so.
    pub(in crate::kafka) fn goes_without(&self, lack: Lack, sweep_interval: Duration, why: &str) {
        if self.warned[lack as usize].swap(true, Ordering::Relaxed) {
            return tracing::debug!("nodes may not hear of each other: {why}");
        }
        tracing::warn!(
            "nodes may not hear of each other: {why}; what a node that dies leaves half done is found within \
             {sweep_interval:?} all the same"
        );
    }

    /// Takes back what was told of this lack.
    pub(in crate::kafka) fn goes_with(&self, lack: Lack, what: &str) {
        if self.warned[lack as usize].swap(false, Ordering::Relaxed) {
            tracing::info!("nodes may hear of each other again: {what}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_can_read_a_heartbeat() {
        let (node, instance) = ("a".to_owned(), Uuid::from_u128(5));
        let beat = Heartbeat { node, instance, state: NodeState::Here, level: 2 };
        assert_eq!(
            serde_json::to_string(&beat).unwrap(),
            r#"{"node":"a","instance":"00000000-0000-0000-0000-000000000005","state":"here","level":2}"#
        );
    }

    #[test]
    fn a_heartbeat_with_more_or_less_in_it_is_read_too() {
        let value =
            r#"{"node":"a","instance":"00000000-0000-0000-0000-000000000005","state":"leaving","load":3}"#;
        let (node, instance) = ("a".to_owned(), Uuid::from_u128(5));
        let beat = Heartbeat { node, instance, state: NodeState::Leaving, level: 0 };
        assert_eq!(serde_json::from_str::<Heartbeat>(value).unwrap(), beat);
    }
}
