//! A producer: of those that conversations and ledgers are spread over ([`super::producers`]), and the one for the feed.
//!
//! A record goes to its topic; the acknowledgement goes to the node's own tails at once, and the copy to the feed from
//! the very same callback, so that an append wakes its caller once, when both are acknowledged.

use super::{
    client, limits, nodes,
    outcome::outcome,
    shared::{Ack, Admitted, Gate, Shared},
    wire,
};
use crate::{AppendError, Record, Stream, failpoints};
use kafkatalk_protocol::{ConversationId, Offset};
use rdkafka::{
    ClientContext, Message,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::DeliveryResult,
    producer::{BaseProducer, BaseRecord, Producer, ProducerContext},
    types::RDKafkaErrorCode,
};
use std::{
    sync::{Arc, PoisonError, RwLock, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};

/// The key of messages that stand for nothing: of several in a topic, compaction keeps the last.
pub(super) const HOLE_KEY: &str = "kafkatalk.hole";

/// Why a record that was written counts as one that may be: nobody said where it stands.
pub(super) const UNKNOWN_PLACE: KafkaError =
    KafkaError::MessageProduction(RDKafkaErrorCode::DuplicateSequenceNumber);

pub(super) type Outcome = Result<Offset, AppendError>;

/// An append on its way. The permit goes back when it is over, whoever still waits.
pub(super) struct Append {
    pub(super) stream: Stream,
    pub(super) record: Arc<Record>,
    pub(super) waiter: oneshot::Sender<Outcome>,
    pub(super) permit: Admitted,
    pub(super) gate: Option<Gate>,
}

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

/// What comes back with a report of the feed's producer.
pub(super) enum Telling {
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

/// A producer that is made anew when librdkafka gives it up.
pub(super) struct Shard<C: ProducerContext + 'static> {
    producer: RwLock<Arc<BaseProducer<C>>>,
}

pub(super) struct TopicReports {
    shared: Arc<Shared>,
    feed: Arc<Shard<FeedReports>>,
}

pub(super) struct FeedReports(Arc<Shared>);

impl<C: ProducerContext> Shard<C> {
    pub(super) fn new(producer: BaseProducer<C>) -> Self {
        Self { producer: RwLock::new(Arc::new(producer)) }
    }

    pub(super) fn producer(&self) -> Arc<BaseProducer<C>> {
        Arc::clone(&self.producer.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Serves reports until the log is closed and nothing is on its way, or the deadline has passed. On its way is an
    /// append from its admission until its copy is in the feed, whichever producer it is with.
    /// Calls `each_turn` each time when it has waited for so long.
    pub(super) fn serve(
        &self,
        shared: &Shared,
        wait: Duration,
        remake: impl Fn() -> Option<BaseProducer<C>>,
        mut each_turn: impl FnMut(),
    ) {
        let mut closing: Option<std::time::Instant> = None;
        loop {
            let producer = self.producer();
            producer.poll(wait);
            each_turn();
            if let Some((code, why)) = producer.client().fatal_error() {
                tracing::error!(%code, "a Kafka producer failed for good and is made anew: {why}");
                if let Some(fresh) = remake() {
                    shared.forget_met();
                    *self.producer.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
                }
            }
            if shared.is_closed() {
                let since = *closing.get_or_insert_with(std::time::Instant::now);
                let idle = producer.in_flight_count() == 0 && !shared.appends_are_under_way();
                if idle || since.elapsed() > limits::CLOSE_WAIT {
                    return;
                }
            }
        }
    }
}

impl Shard<FeedReports> {
    pub(super) fn for_feed(shared: &Arc<Shared>) -> Result<BaseProducer<FeedReports>, super::ConnectError> {
        shared.options.client(super::options::Purpose::Announce, FeedReports(Arc::clone(shared)))
    }

    /// Writes a copy, or with no value an announcement, to the feed.
    fn tell(&self, shared: &Shared, value: Option<&[u8]>, copy: FeedCopy) {
        if failpoints::is_on(failpoints::lossy::FEED) {
            return copy.over();
        }
        let key = copy.conversation.to_string();
        let partition = feed_partition(copy.conversation, shared.feed_partitions.load(Ordering::Relaxed));
        let headers = wire::feed_headers(copy.offset, shared.instance, copy.is_hole);
        let telling = Box::new(Telling::Copy(copy));
        let mut record = BaseRecord::<str, [u8], Box<Telling>>::with_opaque_to(&shared.names.feed, telling);
        record = record.key(&key).partition(partition).headers(headers);
        record.payload = value;
        if let Err((error, record)) = self.producer().send(record) {
            record.delivery_opaque.failed(shared, &error);
        }
    }

    /// Says that this node is here, or that it leaves. See [`nodes`].
    pub(super) fn beat(&self, shared: &Shared, state: nodes::NodeState) {
        let value = match shared.heartbeat(state) {
            Ok(value) => value,
            Err(error) => return tracing::debug!("a heartbeat cannot be written as JSON: {error}"),
        };
        let (key, telling) = (shared.instance.to_string(), Box::new(Telling::Heartbeat));
        let record = BaseRecord::<str, [u8], Box<Telling>>::with_opaque_to(&shared.names.nodes, telling);
        let record = record.key(&key).payload(value.as_slice()).partition(0);
        if let Err((error, record)) = self.producer().send(record) {
            record.delivery_opaque.failed(shared, &error);
        }
    }

    /// Tells the feed what it was not told, as announcements.
    pub(super) fn pay_debts(&self, shared: &Shared) {
        for copy in FeedCopy::owed(shared) {
            self.tell(shared, None, copy);
        }
    }
}

impl Shard<TopicReports> {
    pub(super) fn for_topics(
        shared: &Arc<Shared>,
        feed: &Arc<Shard<FeedReports>>,
    ) -> Result<BaseProducer<TopicReports>, super::ConnectError> {
        let context = TopicReports { shared: Arc::clone(shared), feed: Arc::clone(feed) };
        shared.options.client(super::options::Purpose::Produce, context)
    }

    pub(super) fn of_topics(
        shared: &Arc<Shared>,
        feed: &Arc<Shard<FeedReports>>,
    ) -> Result<Arc<Self>, super::ConnectError> {
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

/// The same conversation always goes to the same partition, so that its copies stay in order.
pub(super) fn feed_partition(conversation: ConversationId, partitions: i32) -> i32 {
    let partitions = u128::from(partitions.max(1).unsigned_abs());
    i32::try_from(conversation.0.as_u128() % partitions).unwrap_or(0)
}

/// Waits for a place among the appends that are on their way.
pub(super) async fn admit(shared: &Shared, bytes: usize) -> Result<Admitted, AppendError> {
    let busy = |_| AppendError::Unavailable("too many appends are on their way".into());
    let admitted = timeout(limits::ADMISSION_WAIT, shared.admit(bytes)).await.map_err(busy)?;
    admitted.ok_or_else(|| AppendError::Unavailable("the log is closed".into()))
}

/// Waits where appends to a topic go one by one. Whoever waits holds no place that another topic's append could use.
pub(super) async fn gate(shared: &Shared, conversation: ConversationId) -> Result<Option<Gate>, AppendError> {
    let gate = timeout(limits::GATE_WAIT, shared.gate(conversation)).await;
    gate.map_err(|_| {
        let topic = shared.names.conversation(conversation);
        AppendError::Unavailable(format!("the topic {topic} has not acknowledged its first record"))
    })
}

/// What a producer's report says: at which offset the brokers have the record.
fn written(result: &DeliveryResult<'_>) -> Result<u64, KafkaError> {
    match result {
        // librdkafka takes it for written, and the brokers did not say where. It may be wrong: see `Shared::gate`.
        Ok(message) => u64::try_from(message.offset()).map_err(|_| UNKNOWN_PLACE),
        Err((error, _)) => Err(error.clone()),
    }
}

impl Append {
    /// Waits until the append may go to a producer. Returns where its outcome will be told.
    pub(super) async fn admitted(
        shared: &Shared,
        stream: Stream,
        record: Record,
    ) -> Result<(Self, oneshot::Receiver<Outcome>), AppendError> {
        let gate = match stream {
            Stream::Conversation(conversation) => gate(shared, conversation).await?,
            Stream::Ledger(_) => None,
        };
        // The last wait: once admitted, the threads that will bring the answer stay until it is there.
        let permit = admit(shared, record.bytes()).await?;
        let (waiter, answer) = oneshot::channel();
        Ok((Self { stream, record: Arc::new(record), waiter, permit, gate }, answer))
    }

    /// Takes what the brokers said. Returns the copy that is to be written to the feed, for a conversation's record; the
    /// caller waits for that too.
    pub(super) fn reported(self, shared: &Shared, written: Result<u64, KafkaError>) -> Option<FeedCopy> {
        let offset = match written {
            Ok(offset) => offset,
            Err(error) => {
                self.failed(shared, &error);
                return None;
            }
        };
        let Self { stream, record, waiter, permit, gate } = self;
        let Stream::Conversation(conversation) = stream else {
            waiter.send(Ok(Offset(offset))).ok();
            return None;
        };
        shared.met(conversation);
        drop(gate);
        shared.tell(|| Ack::Record { conversation, offset, record: Arc::clone(&record) });
        Some(FeedCopy { conversation, offset, is_hole: false, append: Some((waiter, permit)) })
    }

    fn failed(self, shared: &Shared, error: &KafkaError) {
        let mut outcome = outcome(error);
        if let Stream::Conversation(conversation) = self.stream {
            let missing = RDKafkaErrorCode::UnknownTopicOrPartition;
            if matches!(error.rdkafka_error_code(), Some(code) if code == missing || is_local_unknown(code)) {
                let topic = shared.names.conversation(conversation);
                let lost = shared.missed_topic(conversation);
                outcome = AppendError::Unavailable(super::topic_missing(&topic, lost));
            }
            if outcome.may_be_written() {
                shared.tell(|| Ack::Unsure { conversation });
            }
        }
        // A caller that no longer waits knows that the outcome is open.
        self.waiter.send(Err(outcome)).ok();
        drop(self.permit);
    }
}

fn is_local_unknown(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownPartition)
}

impl Telling {
    /// Takes what the brokers said.
    fn reported(self, shared: &Shared, written: Result<u64, KafkaError>) {
        match (self, written) {
            (Self::Copy(copy), written) => copy.reported(shared, written),
            (Self::Heartbeat, Ok(_)) => shared.heartbeat_written(),
            (Self::Heartbeat, Err(error)) => shared.heartbeat_failed(&error),
        }
    }

    /// It did not even leave.
    fn failed(self, shared: &Shared, error: &KafkaError) {
        self.reported(shared, Err(error.clone()));
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
        copy = Some(FeedCopy { conversation, offset, is_hole: true, append: None });
    }
    waiter.send(Ok(Offset(offset))).ok();
    copy
}

impl FeedCopy {
    /// What the feed was not told, as announcements.
    pub(super) fn owed(shared: &Shared) -> impl Iterator<Item = Self> {
        let owed = shared.take_owed().into_iter();
        owed.map(|(conversation, offset)| Self { conversation, offset, is_hole: false, append: None })
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
        shared.owe(self.conversation, self.offset);
        self.over();
    }

    fn over(self) {
        if let Some((waiter, permit)) = self.append {
            waiter.send(Ok(Offset(self.offset))).ok();
            drop(permit);
        }
    }
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

impl ProducerContext for FeedReports {
    type DeliveryOpaque = Box<Telling>;

    fn delivery(&self, result: &DeliveryResult<'_>, telling: Box<Telling>) {
        telling.reported(&self.0, written(result));
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

impl ClientContext for FeedReports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        client::log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.0.heard_error(&error, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::{ClientConfig, producer::DefaultProducerContext};
    use rustix::time::{ClockId, clock_gettime};

    /// What this thread uses of a processor while it waits fifty times for reports that do not come.
    fn used(producer: &BaseProducer<DefaultProducerContext>, wait: Duration) -> Duration {
        let now = || {
            let now = clock_gettime(ClockId::ThreadCPUTime);
            Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap())
        };
        let begun = now();
        for _ in 0..50 {
            producer.poll(wait);
        }
        now().saturating_sub(begun)
    }

    #[test]
    fn waiting_for_reports_costs_next_to_nothing() {
        // It knows no broker: nothing happens to it.
        let producer = ClientConfig::new().create().unwrap();
        let plain = used(&producer, Duration::from_millis(20));
        let ours = used(&producer, limits::whole_wait(20));
        assert!(ours < plain / 2, "{ours:?}, and {plain:?} when the client looks at the clock for the rest");
    }
}
