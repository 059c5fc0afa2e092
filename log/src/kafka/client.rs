//! What librdkafka tells by itself, led into the adapter: log lines to `tracing`, errors to the keeper.

use super::{error::ConnectError, purpose::Purpose, shared::Shared};
use rdkafka::{
    ClientContext, TopicPartitionList,
    admin::AdminClient,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, ConsumerContext},
    error::{KafkaError, KafkaResult},
};
use std::sync::{Arc, atomic::Ordering};

pub(super) type Consumer = BaseConsumer<Client>;
pub(super) type Admin = AdminClient<Client>;

/// Makes a consumer. Never waits for a broker.
pub(super) fn consumer(shared: &Arc<Shared>, purpose: Purpose) -> Result<Consumer, ConnectError> {
    shared.options.client(purpose, Client(Arc::clone(shared)))
}

/// Makes a client that makes and describes topics. Never waits for a broker.
pub(super) fn admin(shared: &Arc<Shared>) -> Result<Admin, ConnectError> {
    shared.options.client(Purpose::Admin, Client(Arc::clone(shared)))
}

/// The context of clients that only read or ask.
#[derive(Clone)]
pub(super) struct Client(pub(super) Arc<Shared>);

impl ClientContext for Client {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log(level, facility, line);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        self.0.heard_error(&error, reason);
    }
}
impl ConsumerContext for Client {
    fn commit_callback(&self, result: KafkaResult<()>, committed: &TopicPartitionList) {
        let each = || committed.elements().into_iter().find_map(|one| one.error().err());
        if let Some(error) = result.err().or_else(each) {
            self.0.failed_commits.fetch_add(1, Ordering::Relaxed);
            not_committed(&error);
        }
    }
}

/// Of no consequence: see [`super::offsets`].
pub(super) fn not_committed(error: &KafkaError) {
    tracing::debug!("offsets for Kafka's tools are not committed: {error}");
}

/// librdkafka's lines are for those who look for the cause of something; the keeper says what an operator must know.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, line: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "librdkafka", facility, "{line}");
        }
        _ => tracing::debug!(target: "librdkafka", facility, "{line}"),
    }
}
