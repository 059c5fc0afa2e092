//! How far a tail has followed, committed under the node's consumer group: so that Kafka's own tools show it, and how much
//! is left. Nobody reads it back: the truth is the reader's checkpoint.

use super::{
    client::{self, Consumer},
    limits,
    shared::Shared,
};
use crate::Ledger;
use rdkafka::{
    Message, Offset as KafkaOffset, TopicPartitionList,
    consumer::{CommitMode, Consumer as _},
    error::KafkaError,
    message::BorrowedMessage,
};
use std::{sync::atomic::Ordering, time::Instant};

/// The positions of all ledgers.
pub(super) type Ends = [u64; Ledger::ALL.len()];

pub(super) struct Offsets {
    /// Next of each partition.
    feed: Vec<u64>,
    /// Of the ledgers and then the feed; empty where all are to be committed anew.
    committed: Vec<u64>,
    due: Instant,
    all_due: Instant,
    /// The failures that were made up for. Whether a commit that was sent fails is heard later, by [`client::Client`].
    failed: u64,
}

impl Offsets {
    /// Following begins at these positions of the feed.
    pub(super) fn new(feed: Vec<u64>) -> Self {
        let now = Instant::now();
        Self { feed, committed: Vec::new(), due: now, all_due: now + limits::COMMIT_ALL_EVERY, failed: 0 }
    }

    pub(super) fn heard(&mut self, shared: &Shared, message: &BorrowedMessage<'_>) {
        if message.topic() == shared.names.feed
            && let Ok(partition) = usize::try_from(message.partition())
            && let Some(next) = self.feed.get_mut(partition)
            && let Ok(offset) = u64::try_from(message.offset())
        {
            *next = offset + 1;
        }
    }

    /// What was heard, and the ledgers up to these positions, is handed out. Waits for nobody.
    pub(super) fn handed_out(&mut self, shared: &Shared, consumer: &Consumer, ledgers: &Ends) {
        let now = Instant::now();
        if now < self.due {
            return;
        }
        self.due = now + limits::COMMIT_EVERY;
        if now >= self.all_due {
            self.all_due = now + limits::COMMIT_ALL_EVERY;
            self.committed.clear();
        }
        self.forget_failed(shared);
        let committed = self.moved(shared, ledgers).and_then(|moved| {
            if moved.count() == 0 { Ok(()) } else { consumer.commit(&moved, CommitMode::Async) }
        });
        match committed {
            Ok(()) => self.committed = ledgers.iter().chain(&self.feed).copied().collect(),
            Err(error) => client::not_committed(&error),
        }
    }

    /// Which of the positions the brokers did not take is not worth telling apart.
    fn forget_failed(&mut self, shared: &Shared) {
        let failed = shared.failed_commits.load(Ordering::Relaxed);
        if failed != self.failed {
            self.failed = failed;
            self.committed.clear();
        }
    }

    fn moved(&self, shared: &Shared, ledgers: &Ends) -> Result<TopicPartitionList, KafkaError> {
        let of_ledgers = Ledger::ALL.into_iter().map(|ledger| (shared.names.ledger(ledger), 0));
        let of_feed = (0..).map(|partition| (shared.names.feed.as_str(), partition));
        let positions = ledgers.iter().chain(&self.feed).enumerate();
        let is_used =
            |at: usize| Ledger::ALL.get(at).is_none_or(|ledger| shared.options.ledgers.contains(ledger));
        let mut list = TopicPartitionList::new();
        for ((topic, partition), (at, position)) in of_ledgers.chain(of_feed).zip(positions) {
            // Nothing was read of a ledger that the log was opened without.
            if self.committed.get(at) != Some(position) && is_used(at) {
                let position = i64::try_from(*position).unwrap_or(i64::MAX);
                list.add_partition_offset(topic, partition, KafkaOffset::Offset(position))?;
            }
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::KafkaOptions;
    use rdkafka::consumer::ConsumerContext as _;
    use std::sync::Arc;

    #[test]
    fn after_a_commit_that_failed_all_is_committed_again_and_once() {
        let options = KafkaOptions::new("nobody:1");
        let names = options.check().unwrap();
        let shared = Arc::new(Shared::new(options, names));
        let (ledgers, feed) = ([1; Ledger::ALL.len()], vec![2, 3]);
        let all: Vec<_> = ledgers.iter().chain(&feed).copied().collect();
        let mut offsets = Offsets::new(feed);
        let mut due = || {
            offsets.forget_failed(&shared);
            let moved = offsets.moved(&shared, &ledgers).unwrap().count();
            offsets.committed.clone_from(&all);
            moved
        };
        assert_eq!([due(), due()], [all.len(), 0]);
        let failed = Err(KafkaError::ConsumerCommit(rdkafka::error::RDKafkaErrorCode::RequestTimedOut));
        client::Client(Arc::clone(&shared)).commit_callback(failed, &TopicPartitionList::new());
        assert_eq!([due(), due()], [all.len(), 0]);
    }
}
