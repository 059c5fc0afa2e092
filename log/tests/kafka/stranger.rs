//! Somebody else on the same brokers: plain clients that know nothing of the adapter.

use crate::{Kafka, contract::support::WAIT_MAX};
use kafkatalk_log::Stream;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{
        AdminClient, AdminOptions, AlterConfig, ConfigSource, NewPartitions, NewTopic, ResourceSpecifier,
        TopicReplication,
    },
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
    types::RDKafkaErrorCode,
};
use std::{
    collections::HashMap,
    fmt::Debug,
    thread::sleep,
    time::{Duration, Instant},
};
use tokio::task::{block_in_place, spawn_blocking};

/// The topic of a stream.
pub(crate) fn topic(kafka: &Kafka, stream: Stream) -> String {
    let prefix = &kafka.options.topic_prefix;
    match stream {
        Stream::Conversation(id) => format!("{prefix}.conversation.{id}"),
        Stream::Ledger(ledger) => format!("{prefix}.{}", ledger.as_str()),
    }
}

/// Asks the brokers about a topic until they answer as expected. They announce nothing to those who ask, so an answer is the
/// event that brings the next question.
async fn until_answered<T: Debug>(
    topic: &str,
    ask: impl AsyncFn() -> T,
    as_expected: impl Fn(&T) -> bool,
) -> T {
    let until = Instant::now() + WAIT_MAX;
    loop {
        let answer = ask().await;
        if as_expected(&answer) {
            return answer;
        }
        assert!(Instant::now() < until, "{topic}: {answer:?}");
    }
}

/// A stranger on the brokers of that log.
pub(crate) fn stranger(kafka: &Kafka) -> Stranger {
    Stranger::new(&kafka.options.bootstrap)
}

pub(crate) struct Stranger {
    config: ClientConfig,
    producer: FutureProducer,
    admin: AdminClient<DefaultClientContext>,
}

impl Stranger {
    pub(crate) fn new(bootstrap: &str) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap);
        Self { producer: config.create().unwrap(), admin: config.create().unwrap(), config }
    }

    /// Writes a message to partition 0 and says at which offset.
    pub(crate) async fn write(&self, topic: &str, key: Option<&str>, value: Option<&[u8]>) -> i64 {
        self.write_with(topic, key, value, &[]).await
    }

    pub(crate) async fn write_with(
        &self,
        topic: &str,
        key: Option<&str>,
        value: Option<&[u8]>,
        headers: &[(&str, &str)],
    ) -> i64 {
        let insert =
            |all: OwnedHeaders, (key, value): &(&str, &str)| all.insert(Header { key, value: Some(*value) });
        let headers = headers.iter().fold(OwnedHeaders::new(), insert);
        let record = FutureRecord::<str, [u8]> {
            topic,
            partition: Some(0),
            payload: value,
            key,
            timestamp: None,
            headers: Some(headers),
        };
        self.producer.send(record, Duration::from_secs(30)).await.unwrap().offset
    }

    pub(crate) async fn create(&self, topic: &str, policy: &str) {
        self.try_create(topic, policy).await.unwrap();
        self.shows(topic, &[("cleanup.policy", policy)]).await;
    }

    /// Waits until a topic has these settings among its own.
    pub(crate) async fn shows(&self, topic: &str, settings: &[(&str, &str)]) {
        let has = |shown: &HashMap<String, String>| {
            settings.iter().all(|(key, value)| shown.get(*key).is_some_and(|shown| shown == value))
        };
        self.settles(topic, has).await;
    }

    /// Waits until a topic's own settings are as asked for, and returns them: the brokers show what was set some time
    /// after they took it.
    pub(crate) async fn settles(
        &self,
        topic: &str,
        as_asked: impl Fn(&HashMap<String, String>) -> bool,
    ) -> HashMap<String, String> {
        until_answered(topic, async || self.settings(topic).await, as_asked).await
    }

    pub(crate) async fn try_create(&self, topic: &str, policy: &str) -> Result<(), RDKafkaErrorCode> {
        let topic = NewTopic::new(topic, 1, TopicReplication::Fixed(1)).set("cleanup.policy", policy);
        let mut answers = self.admin.create_topics([&topic], &AdminOptions::new()).await.unwrap();
        answers.remove(0).map(drop).map_err(|(_, code)| code)
    }

    /// Gives a topic more partitions.
    pub(crate) async fn widen(&self, topic: &str, partitions: usize) {
        let more = NewPartitions::new(topic, partitions);
        self.admin.create_partitions([&more], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    }

    /// Gives a topic these settings and no others.
    pub(crate) async fn set(&self, topic: &str, settings: &[(&str, &str)]) {
        let mut config = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for (key, value) in settings {
            config = config.set(key, value);
        }
        self.admin.alter_configs([&config], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    }

    /// The settings that a topic has of its own.
    pub(crate) async fn settings(&self, topic: &str) -> HashMap<String, String> {
        let asked = [ResourceSpecifier::Topic(topic)];
        let answer =
            self.admin.describe_configs(&asked, &AdminOptions::new()).await.unwrap().remove(0).unwrap();
        let own = answer.entries.into_iter().filter(|entry| entry.source == ConfigSource::DynamicTopic);
        own.map(|entry| (entry.name, entry.value.unwrap_or_default())).collect()
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        self.config.clone().set("group.id", group).set("enable.auto.commit", "false").create().unwrap()
    }

    /// Reads partition 0 from the beginning on, until a value is as asked for.
    pub(crate) async fn until(
        &self,
        topic: &str,
        mut is_it: impl FnMut(&[u8]) -> bool + Send + 'static,
    ) -> Vec<u8> {
        let (consumer, topic) = (self.consumer("stranger"), topic.to_owned());
        let read = move || {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&topic, 0, Offset::Beginning).unwrap();
            consumer.assign(&list).unwrap();
            let until = Instant::now() + WAIT_MAX;
            while Instant::now() < until {
                let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
                let message = message.unwrap();
                let value = message.payload().unwrap_or_default();
                if is_it(value) {
                    return value.to_vec();
                }
            }
            panic!("{topic} never held it");
        };
        spawn_blocking(read).await.unwrap()
    }

    /// Waits until a group has committed a position for each of these partitions, and they are as asked for.
    pub(crate) async fn committed(
        &self,
        group: &str,
        places: &[(&str, i32)],
        are_they: impl Fn(&[i64]) -> bool + Send + 'static,
    ) -> Vec<i64> {
        let consumer = self.consumer(group);
        let mut list = TopicPartitionList::new();
        for (topic, partition) in places {
            list.add_partition(topic, *partition);
        }
        let ask = move || {
            let until = Instant::now() + WAIT_MAX;
            let mut found = None;
            while Instant::now() < until {
                found = consumer.committed_offsets(list.clone(), Duration::from_secs(10)).ok();
                let elements = found.iter().flat_map(TopicPartitionList::elements);
                let known = elements.filter_map(|place| match place.offset() {
                    Offset::Offset(offset) => Some(offset),
                    _ => None,
                });
                let known: Vec<_> = known.collect();
                if known.len() == list.count() && are_they(&known) {
                    return known;
                }
                sleep(Duration::from_millis(100));
            }
            panic!("committed is {found:?}");
        };
        spawn_blocking(ask).await.unwrap()
    }

    /// Where partition 0 ends.
    pub(crate) async fn end(&self, topic: &str) -> u64 {
        let (consumer, topic) = (self.consumer("stranger"), topic.to_owned());
        let ask = move || consumer.fetch_watermarks(&topic, 0, Duration::from_secs(10)).unwrap().1;
        u64::try_from(spawn_blocking(ask).await.unwrap()).unwrap()
    }

    /// Deletes a topic, and waits until the brokers no longer know it.
    pub(crate) async fn remove(&self, topic: &str) {
        self.delete(topic).await;
        until_answered(topic, async || self.knows(topic), |known| !known).await;
    }

    /// Waits until a topic is there.
    pub(crate) async fn sees(&self, topic: &str) {
        until_answered(topic, async || self.knows(topic), |known| *known).await;
    }

    fn knows(&self, topic: &str) -> bool {
        let metadata =
            block_in_place(|| self.admin.inner().fetch_metadata(None, Duration::from_secs(10))).unwrap();
        metadata.topics().iter().any(|found| found.name() == topic)
    }

    pub(crate) async fn delete(&self, topic: &str) {
        self.admin.delete_topics(&[topic], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    }
}
