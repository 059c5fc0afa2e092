//! The port, on Kafka.

use super::{
    append::Append,
    erase::queue::{Reservation, RollQueue},
    error::{ConnectError, topic_missing},
    keeper::{Create, Keeper},
    known_topics::Topic,
    leader, limits,
    nodes::Pulse,
    options::KafkaOptions,
    outcome,
    producers::Producers,
    read,
    shard::Shard,
    shared::Shared,
    signals::{self, Outbound},
    tail,
    threads::Threads,
};
use crate::{
    AppendError, Checkpoint, EventLog, Health, Level, LogIdentity, Page, ReadError, Record, RecordId, Stream,
    Tail,
    limits::RECORD_BYTES_MAX,
    signal::{Signal, Signals},
};
use async_trait::async_trait;
use kafkatalk_protocol::{ConversationId, Offset, Timestamp};
use std::sync::{Arc, Weak};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use uuid::Uuid;

/// A log on Apache Kafka.
pub struct KafkaLog {
    shared: Arc<Shared>,
    /// Owned by the threads that serve them, so that they end there too: ending a client can block.
    producers: Weak<Producers>,
    creates: mpsc::Sender<Create>,
    rolls: Arc<RollQueue>,
    jobs: read::Jobs,
    signals: Outbound,
    threads: Threads,
}

impl KafkaLog {
    /// Starts the adapter. It does not wait for a broker: [`EventLog::health`] says when one is there.
    ///
    /// # Errors
    /// When the options are such that it could never work.
    pub fn connect(options: KafkaOptions) -> Result<Self, ConnectError> {
        let names = options.check()?;
        let shared = Arc::new(Shared::new(options, names));
        let producers = Arc::new(Producers::new(&shared)?);
        let (creates, asked) = mpsc::channel(limits::CREATE_QUEUE_MAX);
        let (jobs, reads) = read::Jobs::new();
        let threads = Threads::default();
        let log = Self {
            signals: signals::start(&shared, &threads)?,
            shared,
            producers: Arc::downgrade(&producers),
            creates,
            rolls: Arc::default(),
            jobs,
            threads,
        };
        log.start(&producers, asked, reads)?;
        Ok(log)
    }

    fn start(
        &self,
        producers: &Arc<Producers>,
        creates: mpsc::Receiver<Create>,
        reads: mpsc::Receiver<read::Job>,
    ) -> Result<(), ConnectError> {
        for shard in producers.topics() {
            producers.serve(&shard, &self.shared, &self.threads)?;
        }
        let (shared, feeding) = (Arc::clone(&self.shared), Arc::clone(producers));
        self.threads.spawn("kafka-feed", move || {
            let (feed, mut pulse) = (&feeding.feed, Pulse::default());
            let remake = || Shard::for_feed(&shared).ok();
            feed.serve(&shared, limits::POLL_WAIT, remake, || pulse.beat(&shared, feed));
            pulse.leave(&shared, feed);
        })?;
        read::start(&self.shared, &self.threads, reads)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| ConnectError::Client(error.to_string()))?;
        let keeper = Keeper::new(&self.shared, producers, &self.threads, creates)?;
        let rolls = Arc::clone(&self.rolls);
        self.threads.spawn("kafka-keeper", move || keeper.run(&runtime, &rolls))
    }

    /// Producers that conversations are spread over now; none once the log is closed.
    pub fn producer_count(&self) -> usize {
        self.producers.upgrade().map_or(0, |producers| producers.topics().len())
    }

    fn producers(&self) -> Result<Arc<Producers>, AppendError> {
        self.producers.upgrade().ok_or_else(|| AppendError::Unavailable("the log is closed".into()))
    }

    async fn create(&self, conversation: ConversationId) -> Result<(), AppendError> {
        let (waiter, answer) = oneshot::channel();
        let full = |_| AppendError::Unavailable("too many topics are being made".into());
        self.creates.try_send(Create { conversation, waiter }).map_err(full)?;
        let silent = |_| AppendError::Unavailable("the brokers are silent".into());
        let ended = |_| AppendError::Unavailable("the log is closed".into());
        timeout(limits::PREPARE_WAIT, answer).await.map_err(silent)?.map_err(ended)?
    }

    /// Waits until the brokers can forget what erasing records have replaced. Where that fails, it is done later.
    async fn rolled(&self, reservation: Reservation) -> Result<(), AppendError> {
        let silent = |_| AppendError::Unknown("the brokers are silent".into());
        let ended = |_| AppendError::Unknown("the topic is not rolled".into());
        let mut closed = self.shared.closed.subscribe();
        tokio::select! {
            biased;
            answer = timeout(limits::PREPARE_WAIT, reservation.written()) => answer.map_err(silent)?.map_err(ended)?,
            // Of what waits for its round, nothing comes any more.
            _ = closed.wait_for(|closed| *closed) => Err(AppendError::Unknown("the log is closed".into())),
        }
    }

    /// Sees to it that the conversation has a topic.
    async fn ensure(&self, conversation: ConversationId) -> Result<(), AppendError> {
        match self.shared.topics.get(conversation) {
            Some(Topic::There | Topic::Used | Topic::Met) => Ok(()),
            Some(Topic::Gone) => {
                let topic = self.shared.names.conversation(conversation);
                Err(AppendError::Unavailable(topic_missing(&topic, true)))
            }
            Some(Topic::Damaged) => {
                let topic = self.shared.names.conversation(conversation);
                Err(AppendError::Unavailable(format!("the topic {topic} lost records that were read of it")))
            }
            None => self.create(conversation).await,
        }
    }

    async fn write(&self, stream: Stream, record: Record) -> Result<Offset, AppendError> {
        if let Some(refusal) = self.shared.refusal() {
            return Err(refusal);
        }
        let bytes = record.bytes();
        if bytes > RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes, max: RECORD_BYTES_MAX });
        }
        if let Stream::Conversation(conversation) = stream {
            self.ensure(conversation).await?;
        }
        let (append, answer) = Append::admitted(&self.shared, stream, record).await?;
        self.producers()?.append(&self.shared, append)?;
        outcome::answer(answer).await
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    async fn identity(&self) -> Result<LogIdentity, ReadError> {
        let (mut identity, mut closed) = (self.shared.identity.subscribe(), self.shared.closed.subscribe());
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            known = identity.wait_for(Option::is_some) => known.ok().and_then(|known| known.clone()),
        }
        .ok_or_else(|| ReadError::Unavailable("the log is closed".into()))
    }

    async fn append(&self, stream: Stream, record: Record) -> Result<Offset, AppendError> {
        self.write(stream, record).await
    }

    async fn prepare(&self, stream: Stream) -> Result<(), AppendError> {
        let Stream::Conversation(conversation) = stream else {
            return self.shared.refusal().map_or(Ok(()), Err);
        };
        if let Some(refusal) = self.shared.refusal() {
            return Err(refusal);
        }
        self.ensure(conversation).await?;
        let topic = self.shared.names.conversation(conversation);
        let producer = self.producers()?.shard(stream).producer();
        leader::is_known(producer, topic).await.map_err(AppendError::Unavailable)
    }

    async fn read(&self, stream: Stream, from: Offset, limit: usize) -> Result<Page, ReadError> {
        self.jobs.ask(|answer| read::Job::Page { stream, from: from.0, limit, answer }).await
    }

    async fn tail(&self, from: Checkpoint) -> Result<Box<dyn Tail>, ReadError> {
        Ok(Box::new(tail::KafkaTail::open(&self.shared, &self.rolls, &from)?))
    }

    async fn ends(&self) -> Result<Checkpoint, ReadError> {
        self.jobs.ask(|answer| read::Job::Ends { answer }).await
    }

    async fn erase(&self, stream: Stream, erased: RecordId, at: Timestamp) -> Result<Offset, AppendError> {
        let offsets = self.erase_all(stream, &[erased], at).await?;
        offsets.first().copied().ok_or_else(|| AppendError::Unknown("no offset of an erasure".into()))
    }

    async fn erase_all(
        &self,
        stream: Stream,
        erased: &[RecordId],
        at: Timestamp,
    ) -> Result<Vec<Offset>, AppendError> {
        let unreadable = |error: ReadError| AppendError::Unavailable(error.to_string());
        let full = || AppendError::Unavailable("too many topics wait to be rolled after erasures".into());
        let mut reservation = self.rolls.reserve(stream).ok_or_else(full)?;
        let mut keys = self.jobs.keys(stream, erased.to_vec()).await.map_err(unreadable)?;
        let is_there = !keys.is_empty();
        if is_there {
            // From here on, whatever becomes of this call.
            reservation.is_needed();
        }
        let mut offsets = Vec::with_capacity(erased.len());
        for id in erased {
            let key = keys.remove(id).map(Into::into);
            offsets.push(self.write(stream, Record::erasing(Uuid::now_v7(), *id, key, at)).await?);
        }
        if is_there {
            self.rolled(reservation).await?;
        }
        Ok(offsets)
    }

    fn publish(&self, signal: Signal) {
        self.signals.publish(&self.shared, signal);
    }

    fn subscribe(&self) -> Signals {
        self.shared.signals.subscribe()
    }

    fn level(&self) -> watch::Receiver<Level> {
        self.shared.level.subscribe()
    }

    fn known_level(&self) -> watch::Receiver<Option<Level>> {
        self.shared.presence.known_level()
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    fn nodes(&self) -> usize {
        1 + self.shared.presence.others()
    }

    async fn close(&self) {
        self.shared.close();
        self.shared.health.send_replace(Health::Unavailable("the log is closed".into()));
        self.jobs.shut();
        self.threads.ended(limits::CLOSE_WAIT * 2).await;
    }
}

impl Drop for KafkaLog {
    /// The threads end by themselves and take the clients with them, off the caller's thread.
    fn drop(&mut self) {
        self.shared.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::append;

    #[tokio::test]
    async fn an_append_behind_a_gate_that_stays_shut_is_refused_in_time_and_takes_no_place() {
        let log = KafkaLog::connect(KafkaOptions::new("127.0.0.1:1")).unwrap();
        let conversation = ConversationId(Uuid::from_u128(1));
        let _first = append::gate(&log.shared, conversation).await.unwrap();
        let second = timeout(limits::GATE_WAIT * 2, append::gate(&log.shared, conversation)).await;
        assert!(matches!(second, Ok(Err(AppendError::Unavailable(_)))));
        assert!(!log.shared.appends_are_under_way());
    }

    #[tokio::test]
    async fn appends_in_flight_are_bounded_by_their_size_too() {
        let log = KafkaLog::connect(KafkaOptions::new("127.0.0.1:1")).unwrap();
        let mut admitted = Vec::new();
        while let Ok(Ok(one)) =
            timeout(limits::LEADER_POLL, append::admit(&log.shared, RECORD_BYTES_MAX)).await
        {
            admitted.push(one);
        }
        let most = limits::APPENDS_IN_FLIGHT_KIB_MAX * 1_024 / RECORD_BYTES_MAX;
        assert!((most - 1..=most).contains(&admitted.len()), "{}", admitted.len());
        admitted.clear();
        assert!(append::admit(&log.shared, RECORD_BYTES_MAX).await.is_ok());
        log.close().await;
        assert!(append::admit(&log.shared, 1).await.is_err());
    }
}
