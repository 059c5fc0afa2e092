//! Which nodes are there: each says so again and again on a topic of its own, and every open tail listens.
//!
//! A node that is killed between an append and its copy in the feed leaves a record that nobody tells of. When a node goes,
//! the tails of the others sweep, and need not wait for their next turn. All of this is a help: without the topic, or
//! without the right to it, the sweep finds the same a little later.

use super::{
    Consumer, limits,
    live::Live,
    produce::{FeedReports, Shard},
    shared::Shared,
};
use crate::Level;
use known::{KnownNodes, News};
use rdkafka::{
    Message, Offset as KafkaOffset, TopicPartitionList,
    consumer::Consumer as _,
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
    producer::Producer as _,
};
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

mod known;
pub(super) mod listen;

/// What a node says of itself. Its key on the topic is the instance.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Heartbeat {
    /// Its name, for people.
    node: String,
    /// Which run of it.
    instance: Uuid,
    state: NodeState,
    /// The highest feature level that it knows. Versions that knew of none did not say.
    #[serde(default)]
    level: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum NodeState {
    Here,
    Leaving,
}

/// What a process knows of the topic and of the nodes on it.
#[derive(Default)]
pub(super) struct Presence {
    /// Whether the topic is there. Nothing is written or followed before.
    topic: AtomicBool,
    others: AtomicUsize,
    /// The highest level that all live nodes know, and when that was heard.
    known_by_all: Mutex<Option<(Level, Instant)>>,
    /// The same, for those who wait for a level.
    known_level: watch::Sender<Option<Level>>,
    /// Of which lacks an operator was told.
    warned: [AtomicBool; 3],
}

/// Why nodes may not hear of each other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lack {
    /// The topic is not there.
    Topic,
    /// This node may not write to it.
    Write,
    /// This node may not read it, or another topic that it follows: so that is never taken back.
    Read,
}

impl Presence {
    pub(super) fn topic_is_there(&self) {
        self.topic.store(true, Ordering::Relaxed);
        self.goes_with(Lack::Topic, "their topic is there");
    }

    fn has_topic(&self) -> bool {
        self.topic.load(Ordering::Relaxed)
    }

    /// The highest level that all live nodes know, where somebody has just listened for long enough to say.
    pub(super) fn known_by_all(&self) -> Option<Level> {
        let (level, heard) = (*self.known_by_all.lock().unwrap_or_else(PoisonError::into_inner))?;
        (heard.elapsed() < limits::HEARTBEAT_EVERY).then_some(level)
    }

    pub(super) fn known_level(&self) -> watch::Receiver<Option<Level>> {
        self.known_level.subscribe()
    }

    /// Returns whether that is news.
    fn all_know(&self, level: Level) -> bool {
        let mut known = self.known_by_all.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((level, Instant::now()));
        self.known_level.send_if_modified(|known| known.replace(level) != Some(level))
    }

    /// How many other nodes are heard of.
    pub(super) fn others(&self) -> usize {
        self.others.load(Ordering::Relaxed)
    }

    /// Nodes do not hear of each other. Tells an operator once, who may have wanted it so.
    fn goes_without(&self, lack: Lack, sweep_interval: Duration, why: &str) {
        if self.warned[lack as usize].swap(true, Ordering::Relaxed) {
            return tracing::debug!("nodes may not hear of each other: {why}");
        }
        tracing::warn!(
            "nodes may not hear of each other: {why}; what a node that dies leaves half done is found within \
             {sweep_interval:?} all the same"
        );
    }

    /// Takes back what was told of this lack.
    fn goes_with(&self, lack: Lack, what: &str) {
        if self.warned[lack as usize].swap(false, Ordering::Relaxed) {
            tracing::info!("nodes may hear of each other again: {what}");
        }
    }
}

impl Shared {
    pub(super) fn goes_without_nodes(&self, lack: Lack, why: &str) {
        self.presence.goes_without(lack, self.options.sweep_interval, why);
    }

    pub(super) fn heartbeat_written(&self) {
        self.presence.goes_with(Lack::Write, "this one may write to their topic");
    }

    /// A heartbeat was not written. The next one follows soon.
    pub(super) fn heartbeat_failed(&self, error: &KafkaError) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) {
            let why = format!("cannot write to {}: {error}", self.names.nodes);
            return self.goes_without_nodes(Lack::Write, &why);
        }
        tracing::debug!("a heartbeat was not written: {error}");
    }

    pub(super) fn heartbeat(&self, state: NodeState) -> Result<Vec<u8>, serde_json::Error> {
        let node = self.options.node.chars().take(limits::NODE_NAME_CHARS_MAX).collect();
        let level = self.options.level.0;
        serde_json::to_vec(&Heartbeat { node, instance: self.instance, state, level })
    }
}

/// Says that this node is here.
#[derive(Default)]
pub(super) struct Pulse {
    next: Option<Instant>,
    /// Whether the brokers took records when it was last looked at, before the log was closed.
    ready: bool,
}

impl Pulse {
    /// To be called again and again.
    pub(super) fn beat(&mut self, shared: &Shared, feed: &Shard<FeedReports>) {
        // In this order: once the log is closed, it is not ready either.
        let ready = shared.is_ready();
        if shared.is_closed() {
            return;
        }
        self.ready = ready;
        let now = Instant::now();
        // What brokers that are away do not take would pile up, and closing would wait for it.
        if !ready || !shared.presence.has_topic() || self.next.is_some_and(|next| now < next) {
            return;
        }
        self.next = Some(now + limits::HEARTBEAT_EVERY);
        feed.beat(shared, NodeState::Here);
    }

    /// The last words: what this node was to write and to tell is written and told.
    pub(super) fn leave(self, shared: &Shared, feed: &Shard<FeedReports>) {
        if self.next.is_some() && self.ready {
            feed.beat(shared, NodeState::Leaving);
            drop(feed.producer().flush(limits::LEAVING_WAIT));
        }
    }
}

/// The other nodes, for the thread that follows.
pub(super) struct Others<'a> {
    shared: &'a Shared,
    known: KnownNodes,
    followed: bool,
}

impl<'a> Others<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self { shared, known: KnownNodes::new(shared.instance, Instant::now()), followed: false }
    }

    /// Something stands on the topic.
    pub(super) fn heard(&mut self, message: &BorrowedMessage<'_>, chunk: &mut Vec<Live>) {
        let value = message.payload().unwrap_or_default();
        if value.len() > limits::HEARTBEAT_BYTES_MAX {
            return;
        }
        match serde_json::from_slice(value) {
            Ok(beat) => {
                let news = self.known.heard(beat);
                tell(news, chunk);
            }
            Err(error) => {
                self.shared.garbage.found(message.topic(), message.offset(), &error.to_string());
            }
        }
    }

    /// At the end of each turn of the thread, which heard all that there was, or stopped before that.
    pub(super) fn look(&mut self, consumer: &Consumer, heard_all: bool, chunk: &mut Vec<Live>) {
        if !self.followed && self.shared.presence.has_topic() {
            // Apart from the feed and the ledgers, which must not depend on it.
            match follow(self.shared, consumer) {
                Ok(()) => self.followed = true,
                Err(error) => tracing::debug!("nodes cannot be followed: {error}"),
            }
        }
        let news = self.known.turn(Instant::now(), heard_all);
        tell(news, chunk);
        self.shared.presence.others.store(self.known.count(), Ordering::Relaxed);
        // A tail that stopped before it heard all does not know who came.
        if heard_all
            && let Some(level) = self.known.known_by_all(self.shared.options.level)
            && self.shared.presence.all_know(level)
            && level > *self.shared.level.borrow()
        {
            // People wait for what the level includes: the keeper finalises it now, and not at its next turn.
            self.shared.suspicion.notify_one();
        }
    }
}

impl Drop for Others<'_> {
    fn drop(&mut self) {
        self.shared.presence.others.store(0, Ordering::Relaxed);
        // Nobody listens any more.
        self.shared.presence.known_level.send_replace(None);
    }
}

fn tell(news: impl IntoIterator<Item = News>, chunk: &mut Vec<Live>) {
    for one in news {
        match one {
            News::Came(node, level) => tracing::info!(node, level = level.0, "another node is here"),
            News::Left(node) => {
                tracing::info!(node, "another node has left");
                chunk.push(Live::NodeGone);
            }
            News::FellSilent(node) => {
                tracing::info!(node, "another node has fallen silent");
                chunk.push(Live::NodeGone);
            }
        }
    }
}

/// From the end on, which the client looks up by itself: this thread has others to wait for.
fn follow(shared: &Shared, consumer: &Consumer) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&shared.names.nodes, 0, KafkaOffset::End)?;
    consumer.incremental_assign(&list)
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
