//! The brokers: topics, and the feed.

use crate::{Ledger, Record, RecordId, Stream};
use kafkatalk_protocol::ConversationId;
use std::{collections::BTreeMap, sync::Arc};
use tokio::time::Instant;

/// What was written at an offset.
pub(super) struct Place {
    /// None for a message that stands for nothing.
    pub(super) record: Option<Arc<Record>>,
    /// Erased or compacted.
    pub(super) forgotten: bool,
}

impl Place {
    pub(super) fn is_hole(&self) -> bool {
        self.forgotten || self.record.is_none()
    }

    /// What whoever reads it now gets.
    pub(super) fn readable(&self) -> Option<Arc<Record>> {
        self.record.clone().filter(|_| !self.forgotten)
    }

    pub(super) fn id(&self) -> Option<RecordId> {
        self.record.as_ref().map(|record| record.id)
    }
}

/// A record of the feed; without a record, an announcement.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) conversation: ConversationId,
    pub(super) offset: u64,
    /// Which run of which node wrote it.
    pub(super) run: u64,
    pub(super) record: Option<Arc<Record>>,
    /// Whether nothing stands there.
    pub(super) is_hole: bool,
}

pub(super) struct Cluster {
    topics: BTreeMap<Stream, Vec<Place>>,
    pub(super) feed: Vec<Vec<Told>>,
    /// Topics of which a broker that was deposed still tells an older end, and until when.
    deposed: BTreeMap<Stream, (Instant, u64)>,
}

impl Cluster {
    pub(super) fn new(feed_partitions: usize) -> Self {
        let topics = Ledger::ALL.into_iter().map(|ledger| (Stream::Ledger(ledger), Vec::new())).collect();
        let feed = (0..feed_partitions).map(|_| Vec::new()).collect();
        Self { topics, feed, deposed: BTreeMap::new() }
    }

    pub(super) fn create(&mut self, stream: Stream) {
        self.topics.entry(stream).or_default();
    }

    pub(super) fn write(&mut self, stream: Stream, record: Option<Arc<Record>>) -> u64 {
        let topic = self.topics.entry(stream).or_default();
        topic.push(Place { record, forgotten: false });
        topic.len() as u64 - 1
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = (Stream, &[Place])> {
        self.topics.iter().map(|(stream, places)| (*stream, places.as_slice()))
    }

    pub(super) fn conversations(&self) -> Vec<ConversationId> {
        let of = |stream: &Stream| match stream {
            Stream::Conversation(id) => Some(*id),
            Stream::Ledger(_) => None,
        };
        self.topics.keys().filter_map(of).collect()
    }

    pub(super) fn places(&self, stream: Stream) -> &[Place] {
        self.topics.get(&stream).map_or(&[], |places| places.as_slice())
    }

    pub(super) fn place(&self, stream: Stream, offset: u64) -> Option<&Place> {
        self.places(stream).get(usize::try_from(offset).ok()?)
    }

    pub(super) fn forget(&mut self, stream: Stream, offset: usize) {
        if let Some(place) = self.topics.get_mut(&stream).and_then(|places| places.get_mut(offset)) {
            place.forgotten = true;
        }
    }

    pub(super) fn end(&self, stream: Stream) -> u64 {
        self.places(stream).len() as u64
    }

    pub(super) fn depose(&mut self, stream: Stream, until: Instant) {
        let end = self.end(stream);
        self.deposed.insert(stream, (until, end));
    }

    /// Where a topic ends to whoever asks the wrong broker.
    pub(super) fn end_as_told(&self, stream: Stream, now: Instant) -> u64 {
        let end = self.end(stream);
        self.deposed.get(&stream).filter(|(until, _)| now < *until).map_or(end, |(_, old)| end.min(*old))
    }
}
