//! Somebody else on the same brokers: plain clients that know nothing of the adapter.

use crate::Kafka;
use kafkatalk_log::Stream;
use rdkafka::{
    ClientConfig,
    admin::{
        AdminClient, AdminOptions, AlterConfig, ConfigSource, NewPartitions, NewTopic, ResourceSpecifier,
        TopicReplication,
    },
    client::DefaultClientContext,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
    types::RDKafkaErrorCode,
};
use std::{collections::HashMap, time::Duration};

/// The topic of a stream.
pub(crate) fn topic(kafka: &Kafka, stream: Stream) -> String {
    let prefix = &kafka.options.topic_prefix;
    match stream {
        Stream::Conversation(id) => format!("{prefix}.conversation.{id}"),
        Stream::Ledger(ledger) => format!("{prefix}.{}", ledger.as_str()),
    }
}

/// A stranger on the brokers of that log.
pub(crate) fn stranger(kafka: &Kafka) -> Stranger {
    Stranger::new(&kafka.options.bootstrap)
}

pub(crate) struct Stranger {
    producer: FutureProducer,
    admin: AdminClient<DefaultClientContext>,
}

impl Stranger {
    pub(crate) fn new(bootstrap: &str) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap);
        Self { producer: config.create().unwrap(), admin: config.create().unwrap() }
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

    pub(crate) async fn delete(&self, topic: &str) {
        self.admin.delete_topics(&[topic], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    }
}
