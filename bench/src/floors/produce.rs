//! Kafka alone: one producer, one consumer, a topic of as many partitions as the server's feed has.

use super::{Floor, PRODUCE, name};
use crate::limits::{DRAIN_WAIT_MAX, KAFKA_FLOOR_IN_FLIGHT_MAX, KAFKA_FLOOR_PARTITIONS};
use crate::load::times::Times;
use crate::number::{count, float};
use crate::numbered::{Numbering, id_in};
use crate::run::{LoadArgs, parts};
use crate::stage::{LogKind, Stage, cpu_of};
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

/// Kafka under each rate of a load; its keys stand for the load's conversations.
pub(crate) async fn measure(stage: &mut Stage, load: &LoadArgs) -> Result<Vec<Floor>> {
    let mut random = stage.random();
    let replicas = i32::try_from(stage.args().brokers)?;
    let config = client(stage.kafka().await?.bootstrap());
    let kafka = stage.kafka_pids(LogKind::Kafka)?;
    let topic = format!("bench-floor-{:016x}", random.u64(..));
    create_topic(&config, &topic, replicas).await?;

    let parts = parts(load)?;
    let messages = parts.last().map_or(0, |part| part.end);
    let numbering = Numbering::new(random.u64(..), load.bytes);
    let times = Arc::new(Times::new(messages, true));
    let consumer = consumer(config.clone(), &topic)?;
    let consuming = AbortOnDropHandle::new(tokio::spawn(consume(consumer, numbering, Arc::clone(&times))));
    let mut config = config;
    config.set("acks", "all").set("enable.idempotence", "true").set("linger.ms", "0");
    let producer = Producer {
        topic,
        client: config.create().context("cannot make a producer")?,
        in_flight: Arc::new(Semaphore::new(KAFKA_FLOOR_IN_FLIGHT_MAX)),
        keys: load.conversations.unwrap_or(load.sockets / 2).max(1),
        numbering,
        times: Arc::clone(&times),
    };
    let mut floors = Vec::new();
    for part in parts {
        let range = part.measured..part.end;
        producer.produce(part.begin..part.measured, part.rate, &mut random).await?;
        let cpu = cpu_of(&kafka)?;
        producer.produce(range.clone(), part.rate, &mut random).await?;
        anyhow::ensure!(!consuming.is_finished(), "the consumer ended: the broker's log tells more");
        let cpu = cpu_of(&kafka)?.saturating_sub(cpu);
        let end_to_end = times.end_to_end(range.clone());
        floors.push(Floor {
            name: name(PRODUCE, load.sockets, part.rate),
            counts: [count(range.len()), end_to_end.len()],
            end_to_end,
            to_ack: Some(times.to_ack(range.clone())),
            cpu_us: Some(cpu.as_secs_f64() * 1e6 / float(count(range.len()))),
            bytes_per_socket: None,
        });
    }
    // Dropping a client can block.
    drop(consuming);
    spawn_blocking(move || drop(producer)).await?;
    Ok(floors)
}

fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("broker.address.family", "v4");
    config
}

async fn create_topic(config: &ClientConfig, topic: &str, replicas: i32) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let topic = NewTopic::new(topic, KAFKA_FLOOR_PARTITIONS, TopicReplication::Fixed(replicas));
    let options = AdminOptions::new().operation_timeout(Some(ADMIN_WAIT_MAX));
    for made in admin.create_topics([&topic], &options).await? {
        made.map_err(|(topic, code)| anyhow::anyhow!("cannot make the topic {topic}: {code}"))?;
    }
    Ok(())
}

/// A consumer at the end of every partition, asking as the server's feed does.
fn consumer(mut config: ClientConfig, topic: &str) -> Result<StreamConsumer> {
    config.set("group.id", "bench-floor").set("enable.auto.commit", "false").set("fetch.wait.max.ms", "20");
    let consumer: StreamConsumer = config.create().context("cannot make a consumer")?;
    let mut partitions = TopicPartitionList::new();
    for partition in 0..KAFKA_FLOOR_PARTITIONS {
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

struct Producer {
    topic: String,
    client: FutureProducer,
    in_flight: Arc<Semaphore>,
    keys: usize,
    numbering: Numbering,
    times: Arc<Times>,
}

impl Producer {
    /// Produces at a steady rate, and waits until all is acknowledged and consumed, or for long enough.
    async fn produce(&self, numbers: Range<usize>, rate: u32, random: &mut fastrand::Rng) -> Result<()> {
        let started = Instant::now();
        for (nth, number) in numbers.enumerate() {
            sleep_until(started + Duration::from_secs(1) * u32::try_from(nth)? / rate).await;
            let permit = Arc::clone(&self.in_flight).acquire_owned().await?;
            let text = self.numbering.text(self.numbering.id(number));
            let key = random.usize(..self.keys).to_string();
            self.times.asked(number);
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
