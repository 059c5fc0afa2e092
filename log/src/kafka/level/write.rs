//! Recording a level from outside a node: with a producer of its own, on the caller's thread.

use crate::{
    Level,
    kafka::{client, error::Wrong, limits, purpose::Purpose, shared::Shared},
    manifest::Fact,
};
use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::KafkaError,
    message::DeliveryResult,
    producer::{BaseProducer, BaseRecord, ProducerContext},
};
use std::{
    sync::{
        Arc,
        mpsc::{SyncSender, TryRecvError, sync_channel},
    },
    time::Instant,
};

struct Reports(Arc<Shared>);

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        client::log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.0.heard_error(&error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<SyncSender<Result<(), KafkaError>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, told: Self::DeliveryOpaque) {
        let written = result.as_ref().map(drop).map_err(|(error, _)| error.clone());
        told.try_send(written).ok();
    }
}

/// Adds the level to the manifest, which must be there. Blocks.
pub(in crate::kafka) fn write(shared: &Arc<Shared>, level: Level) -> Result<(), Wrong> {
    let (topic, fact) = (&shared.names.manifest, Fact::Level { level: level.0 });
    let failed = |error: &KafkaError| Wrong(format!("the topic {topic}: {error}"));
    let producer: BaseProducer<Reports> =
        shared.options.client(Purpose::Produce, Reports(Arc::clone(shared)))?;
    let (key, json) = (fact.key(), serde_json::to_vec(&fact)?);
    let (told, written) = sync_channel(1);
    let record = BaseRecord::<str, [u8], _>::with_opaque_to(topic, Box::new(told));
    let record = record.key(&key).payload(json.as_slice()).partition(0);
    producer.send(record).map_err(|(error, _)| failed(&error))?;
    let begun = Instant::now();
    while begun.elapsed() < limits::DELIVERY_TIMEOUT {
        producer.poll(limits::POLL_WAIT);
        match written.try_recv() {
            Ok(written) => return written.map_err(|error| failed(&error)),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => break,
        }
    }
    Err(Wrong(format!("the brokers acknowledged no record of the topic {topic}")))
}
