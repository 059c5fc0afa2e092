//! One producer and one consumer on a Kafka, with nothing of ours between: its baseline, and what warms it up.

use crate::limits::{DRAIN_WAIT_MAX, KAFKA_BASELINE_IN_FLIGHT_MAX, KAFKA_BASELINE_PARTITIONS, KAFKA_WARM_UP};
use crate::load::{
    times::Times,
    wanted::{LoadArgs, parts},
};
use crate::numbered::{Numbering, id_in};
use crate::report::progress;
use anyhow::{Context as _, Result};
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{Consumer as _, StreamConsumer},
    producer::{FutureProducer, FutureRecord},
};
use std::{ops::Range, sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::task::AbortOnDropHandle;

/// Longest wait for the broker to answer an administrative request.
const ADMIN_WAIT_MAX: Duration = Duration::from_secs(30);

/// Load that nobody measures, on a Kafka that was just started.
pub(crate) async fn warm_up(
    bootstrap: &str,
    brokers: u32,
    seconds: u32,
    random: &mut fastrand::Rng,
) -> Result<()> {
    if seconds == 0 {
        return Ok(());
    }
    progress(&format!("warming Kafka up for {seconds} s"));
    let (rate, conversations) = KAFKA_WARM_UP;
    let load = LoadArgs::pairs(conversations, rate, seconds);
    let plain = Plain::start(bootstrap, brokers, &load, random).await?;
    for part in parts(&load)? {
        plain.producer.produce(part.begin..part.end, part.rate, random).await?;
    }
    plain.end().await
}

/// One producer and one consumer on a topic of their own.
pub(crate) struct Plain {
    /// What produces.
    pub(crate) producer: Producer,
    /// What consumes, until it is dropped.
    pub(crate) consuming: AbortOnDropHandle<Result<()>>,
}

impl Plain {
    /// Makes the topic, and starts both.
    pub(crate) async fn start(
        bootstrap: &str,
        brokers: u32,
        load: &LoadArgs,
        random: &mut fastrand::Rng,
    ) -> Result<Self> {
        let config = client(bootstrap);
        let topic = format!("bench-baseline-{:016x}", random.u64(..));
        create_topic(&config, &topic, i32::try_from(brokers)?).await?;
        let messages = parts(load)?.last().map_or(0, |part| part.end);
        let numbering = Numbering::new(random.u64(..), load.bytes);
        let times = Arc::new(Times::new(messages, true));
        let consumer = consumer(config.clone(), &topic)?;
        let consuming = tokio::spawn(consume(consumer, numbering, Arc::clone(&times)));
        let producer = Producer {
            topic,
            client: producer(config)?,
            in_flight: Arc::new(Semaphore::new(KAFKA_BASELINE_IN_FLIGHT_MAX)),
            keys: load.conversations.unwrap_or(load.sockets / 2).max(1),
            numbering,
            times,
        };
        Ok(Self { producer, consuming: AbortOnDropHandle::new(consuming) })
    }

    /// Ends both.
    pub(crate) async fn end(self) -> Result<()> {
        let Self { producer, consuming } = self;
        drop(consuming);
        // Dropping a client can block.
        spawn_blocking(move || drop(producer)).await?;
        Ok(())
    }
}

/// What the server's clients have in `log/src/kafka/options.rs`, or the baseline would be one of another messenger.
fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("broker.address.family", "v4");
    config.set("socket.nagle.disable", "true").set("topic.metadata.refresh.fast.interval.ms", "20");
    config
}

/// As the server's producers.
fn producer(mut config: ClientConfig) -> Result<FutureProducer> {
    config.set("acks", "all").set("enable.idempotence", "true").set("linger.ms", "0");
    config.create().context("cannot make a producer")
}

async fn create_topic(config: &ClientConfig, topic: &str, replicas: i32) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let topic = NewTopic::new(topic, KAFKA_BASELINE_PARTITIONS, TopicReplication::Fixed(replicas));
    let options = AdminOptions::new().operation_timeout(Some(ADMIN_WAIT_MAX));
    for made in admin.create_topics([&topic], &options).await? {
        made.map_err(|(topic, code)| anyhow::anyhow!("cannot make the topic {topic}: {code}"))?;
    }
    Ok(())
}

/// A consumer of every partition, asking as the server's follower of the feed does.
fn consumer(mut config: ClientConfig, topic: &str) -> Result<StreamConsumer> {
    config.set("group.id", "bench-baseline").set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false").set("auto.offset.reset", "earliest");
    config.set("fetch.queue.backoff.ms", "10").set("fetch.error.backoff.ms", "50");
    config.set("queued.min.messages", "10000").set("queued.max.messages.kbytes", "16384");
    let consumer: StreamConsumer = config.create().context("cannot make a consumer")?;
    let mut partitions = TopicPartitionList::new();
    for partition in 0..KAFKA_BASELINE_PARTITIONS {
        partitions.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&partitions)?;
    Ok(consumer)
}

async fn consume(consumer: StreamConsumer, numbering: Numbering, times: Arc<Times>) -> Result<()> {
    loop {
        let record = consumer.recv().await?;
        let text = record.payload().and_then(|payload| str::from_utf8(payload).ok());
        let number = text.and_then(id_in).and_then(|id| numbering.number(id));
        times.received(number.context("a record that nobody produced")?);
    }
}

/// Produces the messages of a load.
pub(crate) struct Producer {
    topic: String,
    client: FutureProducer,
    in_flight: Arc<Semaphore>,
    keys: usize,
    numbering: Numbering,
    /// When what was asked for, acknowledged, consumed.
    pub(crate) times: Arc<Times>,
}

impl Producer {
    /// Produces at a steady rate, and waits until all is acknowledged and consumed, or for long enough.
    pub(crate) async fn produce(
        &self,
        numbers: Range<usize>,
        rate: u32,
        random: &mut fastrand::Rng,
    ) -> Result<()> {
        let started = Instant::now();
        for (nth, number) in numbers.enumerate() {
            let due = started + Duration::from_secs(1) * u32::try_from(nth)? / rate;
            sleep_until(due).await;
            // Waiting for those on the way is the broker's time, not the load's.
            self.times.asked(number, due.elapsed());
            let permit = Arc::clone(&self.in_flight).acquire_owned().await?;
            let text = self.numbering.text(self.numbering.id(number));
            let key = random.usize(..self.keys).to_string();
            let record = FutureRecord::to(&self.topic).key(&key).payload(&text);
            let delivery = self.client.send_result(record).map_err(|(error, _)| error)?;
            let times = Arc::clone(&self.times);
            tokio::spawn(async move {
                let acknowledged = matches!(delivery.await, Ok(Ok(_)));
                if acknowledged {
                    times.acked(number);
                }
                drop(permit);
            });
        }
        // What does not come in time is missing from the counts.
        let _ = timeout(DRAIN_WAIT_MAX, self.times.settled()).await;
        Ok(())
    }
}
