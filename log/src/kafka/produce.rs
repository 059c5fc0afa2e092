//! The producers that conversations and ledgers are spread over ([`super::producers`]).
//!
//! A record goes to its topic; the acknowledgement goes to the node's own tails at once, and the copy to the feed from
//! the very same callback, so that an append wakes its caller once, when both are acknowledged.

use super::{
    append::Append,
    client,
    error::ConnectError,
    feed::{FeedCopy, FeedReports},
    inbox::Ack,
    outcome::{Outcome, outcome, written},
    purpose::Purpose,
    shard::Shard,
    shared::Shared,
    wire,
};
use crate::{Stream, failpoints};
use kafkatalk_protocol::Offset;
use rdkafka::{
    ClientContext, Message,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::DeliveryResult,
    producer::{BaseProducer, BaseRecord, ProducerContext},
};
use std::sync::Arc;
use tokio::sync::oneshot;

/// The key of messages that stand for nothing: of several in a topic, compaction keeps the last.
pub(super) const HOLE_KEY: &str = "kafkatalk.hole";

/// What comes back with a producer's report.
pub(super) enum Delivery {
    Append(Append),
    /// A producer's first record, which pays for its connections.
    WarmUp(oneshot::Sender<Outcome>),
    /// A fact of the manifest. See [`super::manifest`].
    Fact(oneshot::Sender<Result<(), KafkaError>>),
    /// A message without a value, which stands for nothing and begins a segment. See [`super::erase`].
    Hole(Stream, oneshot::Sender<Outcome>),
}

pub(super) struct TopicReports {
    shared: Arc<Shared>,
    feed: Arc<Shard<FeedReports>>,
}

impl Shard<TopicReports> {
    pub(super) fn for_topics(
        shared: &Arc<Shared>,
        feed: &Arc<Shard<FeedReports>>,
    ) -> Result<BaseProducer<TopicReports>, ConnectError> {
        let context = TopicReports { shared: Arc::clone(shared), feed: Arc::clone(feed) };
        shared.options.client(Purpose::Produce, context)
    }

    pub(super) fn of_topics(
        shared: &Arc<Shared>,
        feed: &Arc<Shard<FeedReports>>,
    ) -> Result<Arc<Self>, ConnectError> {
        Self::for_topics(shared, feed).map(Self::new).map(Arc::new)
    }

    pub(super) fn append(&self, shared: &Shared, value: &[u8], append: Append) {
        let topic = shared.names.of(append.stream);
        let key = wire::key(&append.record);
        let delivery = Box::new(Delivery::Append(append));
        let record = BaseRecord::<str, [u8], Box<Delivery>>::with_opaque_to(&topic, delivery);
        let record = record.key(&key).payload(value).partition(0);
        if let Err((error, record)) = self.producer().send(record)
            && let Delivery::Append(append) = *record.delivery_opaque
        {
            append.failed(shared, &error);
        }
    }

    /// Writes a record that says nothing to a partition of the feed.
    pub(super) fn warm_up(&self, shared: &Shared, partition: i32, waiter: oneshot::Sender<Outcome>) {
        let delivery = Box::new(Delivery::WarmUp(waiter));
        let record = BaseRecord::<str, [u8], Box<Delivery>>::with_opaque_to(&shared.names.feed, delivery);
        // A failure drops the waiter, which is answer enough.
        drop(self.producer().send(record.partition(partition)));
    }

    /// Writes a message without a value.
    pub(super) fn hole(&self, shared: &Shared, stream: Stream, waiter: oneshot::Sender<Outcome>) {
        let topic = shared.names.of(stream);
        let delivery = Box::new(Delivery::Hole(stream, waiter));
        let record = BaseRecord::<str, [u8], Box<Delivery>>::with_opaque_to(&topic, delivery);
        drop(self.producer().send(record.key(HOLE_KEY).partition(0)));
    }
}

/// Takes what the brokers said of a message that stands for nothing. Returns what is to be announced.
pub(super) fn hole_reported(
    shared: &Shared,
    stream: Stream,
    written: Result<u64, KafkaError>,
    waiter: oneshot::Sender<Outcome>,
) -> Option<FeedCopy> {
    let offset = match written {
        Ok(offset) => offset,
        Err(error) => {
            let outcome = outcome(&error);
            if let Stream::Conversation(conversation) = stream
                && outcome.may_be_written()
            {
                shared.tell(|| Ack::Unsure { conversation });
            }
            waiter.send(Err(outcome)).ok();
            return None;
        }
    };
    let mut copy = None;
    if let Stream::Conversation(conversation) = stream {
        // Told, so that the record after it need not wait until somebody looks what stands there.
        shared.tell(|| Ack::Hole { conversation, offset });
        copy = Some(FeedCopy::of_hole(conversation, offset));
    }
    waiter.send(Ok(Offset(offset))).ok();
    copy
}

impl ProducerContext for TopicReports {
    type DeliveryOpaque = Box<Delivery>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Box<Delivery>) {
        let append = match *delivery {
            Delivery::Append(append) => append,
            Delivery::WarmUp(waiter) => {
                let written = result.as_ref().map(|_| Offset(0)).map_err(|(error, _)| outcome(error));
                return drop(waiter.send(written));
            }
            Delivery::Fact(waiter) => return drop(waiter.send(written(result).map(drop))),
            Delivery::Hole(stream, waiter) => {
                if let Some(copy) = hole_reported(&self.shared, stream, written(result), waiter) {
                    self.feed.tell(&self.shared, None, copy);
                }
                return;
            }
        };
        let copy = append.reported(&self.shared, written(result));
        if let (Some(copy), Ok(message)) = (copy, result) {
            failpoints::die_if(failpoints::die::BEFORE_FEED);
            self.feed.tell(&self.shared, message.payload(), copy);
        }
    }
}

impl ClientContext for TopicReports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        client::log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.shared.heard_error(&error, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::{ClientConfig, producer::DefaultProducerContext};
    use rustix::time::{ClockId, clock_gettime};
    use std::time::Duration;

    /// What this thread uses of a processor while it waits ten times for reports that do not come: the least of five such
    /// rounds, since what runs beside it only adds.
    fn used(producer: &BaseProducer<DefaultProducerContext>, wait: Duration) -> Duration {
        let now = || {
            let now = clock_gettime(ClockId::ThreadCPUTime);
            Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap())
        };
        let round = || {
            let begun = now();
            for _ in 0..10 {
                producer.poll(wait);
            }
            now().saturating_sub(begun)
        };
        (0..5).map(|_| round()).min().unwrap()
    }

    #[test]
    fn waiting_for_reports_costs_next_to_nothing() {
        // It knows no broker: nothing happens to it.
        let producer = ClientConfig::new().create().unwrap();
        let plain = used(&producer, Duration::from_millis(20));
        let ours = used(&producer, crate::kafka::limits::whole_wait(20));
        assert!(ours < plain / 2, "{ours:?}, and {plain:?} when the client looks at the clock for the rest");
    }
}
