//! What is known of the conversations' topics.

use super::locks::{lock, read, write};
use kafkatalk_protocol::ConversationId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, RwLock},
};
use tokio::sync::OwnedMutexGuard;

/// What is known of a conversation's topic, each more than the one before. Absent: nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    /// It held records, and is missing.
    Gone,
    /// It is there, and may be empty.
    There,
    /// It held records once: if it is missing, they are lost.
    Used,
    /// The brokers have acknowledged a record of our present producer in it. See [`KnownTopics::gate`].
    Met,
    /// It holds less than was read of it. Nothing more is written to it by this process.
    Damaged,
}

/// Held by the one append that may be on its way to a topic where our producer is not known yet.
pub(super) type Gate = OwnedMutexGuard<()>;

/// See the module.
#[derive(Default)]
pub(super) struct KnownTopics {
    topics: RwLock<HashMap<ConversationId, Topic>>,
    gates: Mutex<HashMap<ConversationId, Arc<tokio::sync::Mutex<()>>>>,
}

impl KnownTopics {
    pub(super) fn get(&self, conversation: ConversationId) -> Option<Topic> {
        read(&self.topics).get(&conversation).copied()
    }

    pub(super) fn saw(&self, conversation: ConversationId, seen: Topic) {
        self.raise(conversation, seen);
    }

    /// Waits until no other append is on its way to a topic where the brokers do not know our producer yet.
    ///
    /// Brokers take any sequence number from a producer that they meet for the first time. Were two records on their way
    /// and the first refused (the partition is not up yet), the second would be taken, and librdkafka would conclude that
    /// the first had been taken too.
    pub(super) async fn gate(&self, conversation: ConversationId) -> Option<Gate> {
        while self.get(conversation) != Some(Topic::Met) {
            let gate = Arc::clone(lock(&self.gates).entry(conversation).or_default());
            let held = gate.lock_owned().await;
            // While we waited, the topic may have become known, or the gate been taken down and set up again.
            let same = lock(&self.gates)
                .get(&conversation)
                .is_some_and(|gate| Arc::ptr_eq(gate, OwnedMutexGuard::mutex(&held)));
            if same {
                return Some(held);
            }
        }
        None
    }

    /// A record of our producer was acknowledged: from now on appends may overtake each other.
    pub(super) fn met(&self, conversation: ConversationId) {
        if self.raise(conversation, Topic::Met) {
            lock(&self.gates).remove(&conversation);
        }
    }

    /// Whether that is more than was known. Most calls say what is known already, and wait for no other.
    fn raise(&self, conversation: ConversationId, to: Topic) -> bool {
        if self.get(conversation).is_some_and(|known| known >= to) {
            return false;
        }
        let mut topics = write(&self.topics);
        // Another thread may have learned more since the look: that it is damaged must stay.
        let is_more = topics.get(&conversation).is_none_or(|known| *known < to);
        if is_more {
            topics.insert(conversation, to);
        }
        is_more
    }

    /// A producer was made anew: the brokers do not know it anywhere.
    pub(super) fn forget_met(&self) {
        write(&self.topics)
            .values_mut()
            .filter(|topic| **topic == Topic::Met)
            .for_each(|topic| *topic = Topic::Used);
    }

    /// A topic is missing. Returns what was known of it.
    pub(super) fn missed(&self, conversation: ConversationId) -> Option<Topic> {
        let mut topics = write(&self.topics);
        let known = topics.get(&conversation).copied();
        match known {
            Some(Topic::Damaged | Topic::Gone) | None => {}
            Some(Topic::There) => drop(topics.remove(&conversation)),
            Some(Topic::Used | Topic::Met) => drop(topics.insert(conversation, Topic::Gone)),
        }
        known
    }

    /// Those that are there.
    pub(super) fn there(&self) -> Vec<ConversationId> {
        let topics = read(&self.topics);
        topics.iter().filter(|(_, topic)| **topic != Topic::Gone).map(|(id, _)| *id).collect()
    }

    /// Takes note that a topic holds less than was read of it.
    pub(super) fn damaged(&self, conversation: ConversationId) {
        write(&self.topics).insert(conversation, Topic::Damaged);
    }

    /// Topics that held records; the sweep looks whether they still exist.
    pub(super) fn used(&self) -> Vec<ConversationId> {
        let topics = read(&self.topics);
        topics.iter().filter(|(_, topic)| **topic != Topic::There).map(|(id, _)| *id).collect()
    }
}
