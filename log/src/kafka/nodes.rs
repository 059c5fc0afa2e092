//! Which nodes are there: each says so again and again on a topic of its own, and every open tail listens.
//!
//! A node that is killed between an append and its copy in the feed leaves a record that nobody tells of. When a node goes,
//! the tails of the others sweep, and need not wait for their next turn. All of this is a help: without the topic, or
//! without the right to it, the sweep finds the same a little later.

use super::{client::Consumer, feed::FeedReports, limits, shard::Shard, shared::Shared};
use known::{KnownNodes, News};
use presence::NodeState;
use rdkafka::{
    Message, Offset as KafkaOffset, TopicPartitionList, consumer::Consumer as _, error::KafkaError,
    message::BorrowedMessage, producer::Producer as _,
};
use std::{sync::atomic::Ordering, time::Instant};

mod known;
pub(super) mod listen;
pub(super) mod presence;

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

    /// Something stands on the topic. Returns whether a node is gone.
    pub(super) fn heard(&mut self, message: &BorrowedMessage<'_>) -> bool {
        let value = message.payload().unwrap_or_default();
        if value.len() > limits::HEARTBEAT_BYTES_MAX {
            return false;
        }
        match serde_json::from_slice(value) {
            Ok(beat) => is_one_gone(self.known.heard(beat)),
            Err(error) => {
                self.shared.garbage.found(message.topic(), message.offset(), &error.to_string());
                false
            }
        }
    }

    /// At the end of each turn of the thread, which heard all that there was, or stopped before that. Returns whether a node
    /// is gone.
    pub(super) fn look(&mut self, consumer: &Consumer, heard_all: bool) -> bool {
        if !self.followed && self.shared.presence.has_topic() {
            // Apart from the feed and the ledgers, which must not depend on it.
            match follow(self.shared, consumer) {
                Ok(()) => self.followed = true,
                Err(error) => tracing::debug!("nodes cannot be followed: {error}"),
            }
        }
        let is_gone = is_one_gone(self.known.turn(Instant::now(), heard_all));
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
        is_gone
    }
}

impl Drop for Others<'_> {
    fn drop(&mut self) {
        self.shared.presence.others.store(0, Ordering::Relaxed);
        // Nobody listens any more.
        self.shared.presence.known_level.send_replace(None);
    }
}

/// Says what is new. Returns whether a node is gone.
fn is_one_gone(news: impl IntoIterator<Item = News>) -> bool {
    let mut is_gone = false;
    for one in news {
        match one {
            News::Came(node, level) => tracing::info!(node, level = level.0, "another node is here"),
            News::Left(node) => {
                tracing::info!(node, "another node has left");
                is_gone = true;
            }
            News::FellSilent(node) => {
                tracing::info!(node, "another node has fallen silent");
                is_gone = true;
            }
        }
    }
    is_gone
}

/// From the end on, which the client looks up by itself: this thread has others to wait for.
fn follow(shared: &Shared, consumer: &Consumer) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&shared.names.nodes, 0, KafkaOffset::End)?;
    consumer.incremental_assign(&list)
}
