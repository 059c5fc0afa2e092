//! All producers of a node, and which of them has which stream.
//!
//! librdkafka looks through all topics of a producer for every message, so a message would cost the more the more
//! conversations a producer has. There are a few to begin with, and the keeper adds another when each has its fill.

use super::{
    append::Append, error::ConnectError, feed::FeedReports, limits, names, produce::TopicReports,
    shard::Shard, shared::Shared, threads::Threads, wire,
};
use crate::{AppendError, Stream};
use kafkatalk_protocol::ConversationId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};
use tokio::sync::Notify;

pub(super) struct Producers {
    topics: RwLock<Vec<Arc<Shard<TopicReports>>>>,
    spread: Mutex<Spread>,
    pub(super) feed: Arc<Shard<FeedReports>>,
    /// Those that were there from the beginning.
    first: usize,
    /// Wakes who starts another when each has its fill.
    pub(super) crowded: Notify,
    /// Who leads the partitions of the feed, as far as is known: brokers to get to know.
    leaders: Mutex<Vec<i32>>,
}

impl Producers {
    /// Those that a node begins with. Nobody serves them yet.
    pub(super) fn new(shared: &Arc<Shared>) -> Result<Self, ConnectError> {
        let feed = Arc::new(Shard::new(Shard::for_feed(shared)?));
        let (max, each) = (shared.options.producers, shared.options.conversations_per_producer);
        let first = (0..max.min(limits::PRODUCERS_FIRST)).map(|_| Shard::of_topics(shared, &feed));
        let first = first.collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            spread: Mutex::new(Spread::over(first.len(), each, max)),
            first: first.len(),
            topics: RwLock::new(first),
            feed,
            crowded: Notify::new(),
            leaders: Mutex::default(),
        })
    }

    /// Those that there are now.
    pub(super) fn topics(&self) -> Vec<Arc<Shard<TopicReports>>> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has a thread serve a producer until the log is closed. It keeps all producers: they end where one may block.
    pub(super) fn serve(
        self: &Arc<Self>,
        one: &Arc<Shard<TopicReports>>,
        shared: &Arc<Shared>,
        threads: &Threads,
    ) -> Result<(), ConnectError> {
        let (all, one, shared) = (Arc::clone(self), Arc::clone(one), Arc::clone(shared));
        threads.spawn("kafka-produce", move || {
            one.serve(&shared, limits::REPORTS_WAIT, || Shard::for_topics(&shared, &all.feed).ok(), || ());
        })
    }

    /// Whether there should be another.
    pub(super) fn are_crowded(&self) -> bool {
        self.spread().is_crowded()
    }

    /// New conversations go to this one too. It must be served, and know the brokers.
    pub(super) fn add(&self, shard: Arc<Shard<TopicReports>>) {
        self.topics.write().unwrap_or_else(PoisonError::into_inner).push(shard);
        // After it is there to be chosen.
        self.spread().add();
    }

    pub(super) fn feed_is_led_by(&self, leaders: &[i32]) {
        leaders.clone_into(&mut self.leaders.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn feed_leaders(&self) -> Vec<i32> {
        self.leaders.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn append(&self, shared: &Shared, append: Append) -> Result<(), AppendError> {
        let record = &append.record;
        let unwritable =
            |error| AppendError::Unavailable(format!("the record cannot be written as JSON: {error}"));
        let value = wire::encode(record).map_err(unwritable)?;
        let bytes = value.len() + record.key.as_deref().map_or(0, str::len);
        if bytes > limits::MESSAGE_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes, max: limits::MESSAGE_BYTES_MAX });
        }
        self.shard(append.stream).append(shared, &value, append);
        Ok(())
    }

    /// A stream always has the same producer, which keeps its records in the order of the calls.
    pub(super) fn shard(&self, stream: Stream) -> Arc<Shard<TopicReports>> {
        let at = match stream {
            Stream::Conversation(id) => self.of(id),
            Stream::Ledger(ledger) => names::position(ledger) % self.first,
        };
        Arc::clone(&self.topics.read().unwrap_or_else(PoisonError::into_inner)[at])
    }

    fn of(&self, conversation: ConversationId) -> usize {
        let mut spread = self.spread();
        let (at, is_new) = spread.of(conversation);
        if is_new && spread.is_crowded() {
            self.crowded.notify_one();
        }
        at
    }

    fn spread(&self) -> MutexGuard<'_, Spread> {
        self.spread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which producer has which conversation.
struct Spread {
    of: HashMap<ConversationId, usize>,
    /// How many each has.
    conversations: Vec<usize>,
    /// Its fill.
    each: usize,
    /// Most producers.
    max: usize,
}

impl Spread {
    fn over(producers: usize, each: usize, max: usize) -> Self {
        Self { of: HashMap::new(), conversations: vec![0; producers], each, max }
    }

    fn add(&mut self) {
        self.conversations.push(0);
    }

    /// Which one has it, from the first time on that somebody asks; and whether this was the first time.
    fn of(&mut self, conversation: ConversationId) -> (usize, bool) {
        if let Some(at) = self.of.get(&conversation) {
            return (*at, false);
        }
        let fewest = self.conversations.iter().enumerate().min_by_key(|(_, count)| **count);
        let at = fewest.map_or(0, |(at, _)| at);
        self.conversations[at] += 1;
        self.of.insert(conversation, at);
        (at, true)
    }

    /// Whether each has its fill, and there may be another.
    fn is_crowded(&self) -> bool {
        self.conversations.len() < self.max && self.conversations.iter().all(|count| *count >= self.each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn id(number: u128) -> ConversationId {
        ConversationId(Uuid::from_u128(number))
    }

    #[test]
    fn conversations_are_spread_evenly_and_stay_where_they_are() {
        let mut spread = Spread::over(2, 2, 3);
        let first: Vec<_> = (0..4).map(|number| spread.of(id(number)).0).collect();
        assert_eq!(spread.conversations, [2, 2]);
        spread.add();
        assert_eq!((0..4).map(|number| spread.of(id(number))).collect::<Vec<_>>(), {
            first.into_iter().map(|at| (at, false)).collect::<Vec<_>>()
        });
        assert_eq!((4..6).map(|number| spread.of(id(number))).collect::<Vec<_>>(), [(2, true), (2, true)]);
    }

    #[test]
    fn another_producer_is_wanted_when_each_has_its_fill_up_to_the_most_there_may_be() {
        let mut spread = Spread::over(2, 1, 4);
        spread.of(id(1));
        assert!(!spread.is_crowded());
        spread.of(id(2));
        assert!(spread.is_crowded());
        spread.add();
        assert!(!spread.is_crowded());
        spread.of(id(3));
        assert!(spread.is_crowded());
        spread.add();
        spread.of(id(4));
        assert!(!spread.is_crowded());
    }
}
