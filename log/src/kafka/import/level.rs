//! Carrying the feature level over: versions that do not know the log's level must not start on the moved one either.

use super::{Common, ImportError};
use crate::{
    Level,
    kafka::{
        client, limits, manifest,
        options::Purpose,
        shared::Shared,
        topics::{self, Admin},
    },
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

/// Records the source's level in the manifest, before nodes can start on what was moved. The manifest is completed by the
/// first of them: a move that is interrupted after this finds it there, and goes on.
pub(super) fn carry(common: &Common, admin: &Admin) -> Result<(), ImportError> {
    let (shared, level) = (&common.shared, *common.source.level().borrow());
    if level == Level(0) {
        return Ok(());
    }
    let topic = &shared.names.manifest;
    let new = [(topic.clone(), 1, topics::compacted(shared))];
    for made in common.runtime.block_on(topics::create(shared, admin, &new))? {
        made.map_err(ImportError::Topic)?;
    }
    let begun = Instant::now();
    while topics::leaders(admin, topic).is_err() && begun.elapsed() < limits::PREPARE_WAIT {
        std::thread::sleep(limits::LEADER_POLL);
    }
    if manifest::read(shared)?.0.level() < level {
        write(shared, topic, &Fact::Level { level: level.0 })?;
    }
    Ok(())
}

fn write(shared: &Arc<Shared>, topic: &str, fact: &Fact) -> Result<(), ImportError> {
    let failed = |why: String| ImportError::Brokers(format!("the topic {topic}: {why}"));
    let producer: BaseProducer<Reports> =
        shared.options.client(Purpose::Produce, Reports(Arc::clone(shared)))?;
    let json = serde_json::to_vec(fact).map_err(|error| failed(error.to_string()))?;
    let (told, written) = sync_channel(1);
    let key = fact.key();
    let record = BaseRecord::<str, [u8], _>::with_opaque_to(topic, Box::new(told));
    let record = record.key(&key).payload(json.as_slice()).partition(0);
    producer.send(record).map_err(|(error, _)| failed(error.to_string()))?;
    let begun = Instant::now();
    while begun.elapsed() < limits::DELIVERY_TIMEOUT {
        producer.poll(limits::POLL_WAIT);
        match written.try_recv() {
            Ok(written) => return written.map_err(|error| failed(error.to_string())),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => break,
        }
    }
    Err(failed("they acknowledged no record".into()))
}
