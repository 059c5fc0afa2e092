//! The manifest of a log on Kafka: a compacted topic with one partition, one message for each fact.

use super::{
    client,
    error::{Wrong, is_denied},
    limits,
    produce::{Delivery, TopicReports},
    purpose::Purpose,
    shard::Shard,
    shared::Shared,
    sweep,
    walk::{self, Range},
};
use crate::{
    LogIdentity,
    manifest::{Fact, Manifest},
};
use rdkafka::{ClientContext, error::KafkaError, producer::BaseRecord};
use std::sync::Arc;
use tokio::{sync::oneshot, time::timeout};

/// The manifest, and the offset up to which it was read.
pub(super) fn read(shared: &Arc<Shared>) -> Result<(Manifest, u64), Wrong> {
    let consumer = client::consumer(shared, Purpose::Fetch)?;
    let topic = &shared.names.manifest;
    let mut manifest = Manifest::default();
    let (from, end) = sweep::bounds(&consumer, topic).map_err(|error| denied(topic, "Describe", &error))?;
    let range = Range { from, end, patience: limits::REQUEST_TIMEOUT };
    let walk = walk::walk(shared, &consumer, topic, range, |_, message| {
        if let Some(json) = rdkafka::Message::payload(message) {
            manifest.learn_json(json);
        }
        true
    });
    walk.map_err(|error| denied(topic, "Read", &error))?;
    Ok((manifest, end))
}

/// The identity of the log with that manifest, if it has one yet. Another cluster is another log, also one that copies
/// this one's topics: offsets may differ there.
pub(super) fn identity(shared: &Shared, cluster: &str, manifest: &Manifest) -> Option<LogIdentity> {
    let prefix = &shared.options.topic_prefix;
    manifest.identity().map(|id| LogIdentity::new(format!("kafka/{cluster}/{prefix}/{id}")))
}

/// The id that the brokers gave their cluster.
pub(super) fn cluster_id<C: ClientContext>(client: &rdkafka::client::Client<C>) -> Result<String, Wrong> {
    let id = client.fetch_cluster_id(limits::REQUEST_TIMEOUT).filter(|id| !id.is_empty());
    id.ok_or_else(|| Wrong("they do not say which cluster they are".into()))
}

/// Adds facts, in this order, each once the one before it is durable.
pub(super) async fn add(
    shared: &Shared,
    producer: &Shard<TopicReports>,
    facts: Vec<Fact>,
) -> Result<(), Wrong> {
    let topic = &shared.names.manifest;
    for fact in facts {
        let (key, json) = (fact.key(), serde_json::to_vec(&fact)?);
        let (waiter, written) = oneshot::channel();
        let delivery = Box::new(Delivery::Fact(waiter));
        let record = BaseRecord::<str, [u8], Box<Delivery>>::with_opaque_to(topic, delivery);
        let record = record.key(&key).payload(json.as_slice()).partition(0);
        producer.producer().send(record).map_err(|(error, _)| denied(topic, "Write", &error))?;
        let silent = |_| Wrong(format!("they acknowledged no record of the topic {topic}"));
        let written = timeout(limits::REQUEST_TIMEOUT, written).await.map_err(silent)?;
        let ended = |_| Wrong("a producer ended before they answered".into());
        written.map_err(ended)?.map_err(|error| denied(topic, "Write", &error))?;
    }
    Ok(())
}

/// A failure, for an operator, who may have forgotten a right that older versions did not need.
fn denied(topic: &str, operation: &str, error: &KafkaError) -> Wrong {
    if is_denied(error) {
        return Wrong(format!(
            "this node may not use the topic {topic}, which holds the log's manifest: grant {operation} on it"
        ));
    }
    Wrong(format!("the topic {topic}: {error}"))
}
