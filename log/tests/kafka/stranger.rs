//! Somebody else on the same brokers: plain clients that know nothing of the adapter.

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use std::time::Duration;

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
        let topic = NewTopic::new(topic, 1, TopicReplication::Fixed(1)).set("cleanup.policy", policy);
        self.admin.create_topics([&topic], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    }

    pub(crate) async fn delete(&self, topic: &str) {
        self.admin.delete_topics(&[topic], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    }
}
