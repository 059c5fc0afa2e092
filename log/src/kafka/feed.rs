//! The producer of the feed: copies by which other nodes hear of records, and this node's heartbeats.

use super::{
    client,
    error::ConnectError,
    limits,
    nodes::presence::{Heartbeat, Lack, NodeState},
    outcome::{Outcome, written},
    purpose::Purpose,
    shard::Shard,
    shared::{Admitted, Shared},
    wire,
};
use crate::failpoints;
use kafkatalk_protocol::{ConversationId, Offset};
use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::DeliveryResult,
    producer::{BaseProducer, BaseRecord, ProducerContext},
    types::RDKafkaErrorCode,
};
use std::sync::{Arc, atomic::Ordering};
use tokio::sync::oneshot;

/// What comes back with a report of the feed's producer.
pub(super) enum FeedDelivery {
    Copy(FeedCopy),
    Heartbeat,
}

/// A feed copy on its way.
pub(super) struct FeedCopy {
    pub(super) conversation: ConversationId,
    pub(super) offset: u64,
    /// Whether nothing stands at that offset. A copy without a value that is none only announces.
    pub(super) is_hole: bool,
    append: Option<(oneshot::Sender<Outcome>, Admitted)>,
}

pub(super) struct FeedReports(Arc<Shared>);

impl Shard<FeedReports> {
    pub(super) fn for_feed(shared: &Arc<Shared>) -> Result<BaseProducer<FeedReports>, ConnectError> {
        shared.options.client(Purpose::Announce, FeedReports(Arc::clone(shared)))
    }

    /// Writes a copy, or with no value an announcement, to the feed.
    pub(super) fn tell(&self, shared: &Shared, value: Option<&[u8]>, copy: FeedCopy) {
        if failpoints::is_on(failpoints::lossy::FEED) {
            return copy.over();
        }
        let key = copy.conversation.to_string();
        let partition = feed_partition(copy.conversation, shared.feed_partitions.load(Ordering::Relaxed));
        let headers = wire::feed_headers(copy.offset, shared.instance, copy.is_hole);
        let delivery = Box::new(FeedDelivery::Copy(copy));
        let mut record =
            BaseRecord::<str, [u8], Box<FeedDelivery>>::with_opaque_to(&shared.names.feed, delivery);
        record = record.key(&key).partition(partition).headers(headers);
        record.payload = value;
        if let Err((error, record)) = self.producer().send(record) {
            record.delivery_opaque.failed(shared, &error);
        }
    }

    /// Says that this node is here, or that it leaves. See [`super::nodes`].
    pub(super) fn beat(&self, shared: &Shared, state: NodeState) {
        let value = match heartbeat(shared, state) {
            Ok(value) => value,
            Err(error) => return tracing::debug!("a heartbeat cannot be written as JSON: {error}"),
        };
        let (key, delivery) = (shared.instance.to_string(), Box::new(FeedDelivery::Heartbeat));
        let record =
            BaseRecord::<str, [u8], Box<FeedDelivery>>::with_opaque_to(&shared.names.nodes, delivery);
        let record = record.key(&key).payload(value.as_slice()).partition(0);
        if let Err((error, record)) = self.producer().send(record) {
            record.delivery_opaque.failed(shared, &error);
        }
    }

    /// Tells the feed what it was not told, as announcements.
    pub(super) fn announce_pending(&self, shared: &Shared) {
        for copy in FeedCopy::pending(shared) {
            self.tell(shared, None, copy);
        }
    }
}

/// The same conversation always goes to the same partition, so that its copies stay in order.
pub(super) fn feed_partition(conversation: ConversationId, partitions: i32) -> i32 {
    let partitions = u128::from(partitions.max(1).unsigned_abs());
    i32::try_from(conversation.0.as_u128() % partitions).unwrap_or(0)
}

impl FeedDelivery {
    /// Takes what the brokers said.
    fn reported(self, shared: &Shared, written: Result<u64, KafkaError>) {
        match (self, written) {
            (Self::Copy(copy), written) => copy.reported(shared, written),
            (Self::Heartbeat, Ok(_)) => heartbeat_written(shared),
            (Self::Heartbeat, Err(error)) => heartbeat_failed(shared, &error),
        }
    }

    /// It did not even leave.
    fn failed(self, shared: &Shared, error: &KafkaError) {
        self.reported(shared, Err(error.clone()));
    }
}

impl FeedCopy {
    /// Of a record whose appender waits for the copy, too.
    pub(super) fn of_append(
        conversation: ConversationId,
        offset: u64,
        append: (oneshot::Sender<Outcome>, Admitted),
    ) -> Self {
        Self { conversation, offset, is_hole: false, append: Some(append) }
    }

    /// Of a message that stands for nothing.
    pub(super) fn of_hole(conversation: ConversationId, offset: u64) -> Self {
        Self { conversation, offset, is_hole: true, append: None }
    }

    /// What the feed was not told, as announcements.
    pub(super) fn pending(shared: &Shared) -> impl Iterator<Item = Self> {
        let pending = shared.take_pending_announcements().into_iter();
        pending.map(|(conversation, offset)| Self { conversation, offset, is_hole: false, append: None })
    }

    /// Takes what the brokers said.
    pub(super) fn reported(self, shared: &Shared, written: Result<u64, KafkaError>) {
        match written {
            Ok(_) => {
                // Nobody waits for an announcement.
                if self.append.is_some() {
                    failpoints::die_if(failpoints::die::BEFORE_ACK);
                }
                self.over();
            }
            Err(error) => self.failed(shared, &error),
        }
    }

    /// The record is durable all the same. The other nodes are told later, by an announcement or by their own sweep.
    fn failed(self, shared: &Shared, error: &KafkaError) {
        tracing::debug!(conversation = %self.conversation, offset = self.offset, "the feed was not told: {error}");
        shared.add_pending_announcement(self.conversation, self.offset);
        self.over();
    }

    fn over(self) {
        if let Some((waiter, permit)) = self.append {
            waiter.send(Ok(Offset(self.offset))).ok();
            drop(permit);
        }
    }
}

fn heartbeat(shared: &Shared, state: NodeState) -> Result<Vec<u8>, serde_json::Error> {
    let node = shared.options.node.chars().take(limits::NODE_NAME_CHARS_MAX).collect();
    let level = shared.options.level.0;
    serde_json::to_vec(&Heartbeat { node, instance: shared.instance, state, level })
}

fn heartbeat_written(shared: &Shared) {
    shared.presence.goes_with(Lack::Write, "this one may write to their topic");
}

/// A heartbeat was not written. The next one follows soon.
fn heartbeat_failed(shared: &Shared, error: &KafkaError) {
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) {
        let why = format!("cannot write to {}: {error}", shared.names.nodes);
        return shared.goes_without_nodes(Lack::Write, &why);
    }
    tracing::debug!("a heartbeat was not written: {error}");
}

impl ProducerContext for FeedReports {
    type DeliveryOpaque = Box<FeedDelivery>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Box<FeedDelivery>) {
        delivery.reported(&self.0, written(result));
    }
}

impl ClientContext for FeedReports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        client::log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.0.heard_error(&error, reason);
    }
}
