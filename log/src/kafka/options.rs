//! What an operator may set, and the configuration of the clients that follows from it.

use super::{authorities, error::ConnectError, limits, names::Names, purpose::Purpose};
use crate::{FEATURE_LEVEL, Ledger, Level};
use rdkafka::{ClientConfig, config::FromClientConfigAndContext};
use std::time::Duration;

/// How to reach Kafka, and what to keep there. See [`KafkaOptions::new`] for the defaults.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// Brokers to begin with, `HOST:PORT,...`.
    pub bootstrap: String,
    /// How the names of all topics begin.
    pub topic_prefix: String,
    /// Copies of every record: 3 for a cluster that may lose a broker, 1 for a single one. With 3 or more, two brokers
    /// must have a record before it is acknowledged.
    pub replication_factor: i32,
    /// Properties of librdkafka, such as those for TLS and SASL; they go over the adapter's own.
    pub properties: Vec<(String, String)>,
    /// The node's name, for the brokers' logs and tools.
    pub node: String,
    /// Partitions of the feed when it is created; an existing feed keeps its own.
    pub feed_partitions: i32,
    /// Most producers that the conversations are spread over. A few to begin with; each takes about 0.3 MB.
    pub producers: usize,
    /// Conversations that a producer has before another is started.
    pub conversations_per_producer: usize,
    /// How often to look for records that the feed did not tell.
    pub sweep_interval: Duration,
    /// Within what time after an erasure the brokers begin to forget the content (`max.compaction.lag.ms`).
    pub forget_within: Duration,
    /// How long a copy stays in the feed.
    pub feed_retention: Duration,
    /// Ledgers to use: all, but in tests that add one later.
    pub ledgers: Vec<Ledger>,
    /// The highest feature level that the program knows: [`FEATURE_LEVEL`], but in tests.
    pub level: Level,
}

impl KafkaOptions {
    /// The defaults for a single broker.
    pub fn new(bootstrap: impl Into<String>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            topic_prefix: "kafkatalk".into(),
            replication_factor: 1,
            properties: Vec::new(),
            node: "kafkatalk".into(),
            feed_partitions: 16,
            producers: 64,
            conversations_per_producer: 250,
            sweep_interval: Duration::from_secs(30),
            forget_within: Duration::from_hours(24),
            feed_retention: Duration::from_hours(1),
            ledgers: Ledger::ALL.to_vec(),
            level: FEATURE_LEVEL,
        }
    }
}

/// What the promises of the port rest on.
const RESERVED: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.report.only.error",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "message.timeout.ms",
    "metadata.broker.list",
    "request.required.acks",
    "transactional.id",
];

impl KafkaOptions {
    /// Whether the adapter could ever work with these. Reaches no broker.
    ///
    /// # Errors
    /// What [`super::KafkaLog::connect`] would refuse.
    pub fn validate(&self) -> Result<(), ConnectError> {
        self.check().map(drop)
    }

    pub(super) fn check(&self) -> Result<Names, ConnectError> {
        let bounds = |name, value: i64, fine: bool, bounds| {
            if fine { Ok(()) } else { Err(ConnectError::OutOfBounds { name, value, bounds }) }
        };
        let (replicas, partitions) = (self.replication_factor, self.feed_partitions);
        bounds("the replication factor", replicas.into(), (1..=100).contains(&replicas), "1 to 100")?;
        let fine = (1..=limits::FEED_PARTITIONS_MAX).contains(&partitions);
        bounds("the number of feed partitions", partitions.into(), fine, "1 to 1024")?;
        let fine = (1..=limits::PRODUCERS_MAX).contains(&self.producers);
        bounds(
            "the number of producers",
            i64::try_from(self.producers).unwrap_or(i64::MAX),
            fine,
            "1 to 256",
        )?;
        if let Some((name, _)) = self.properties.iter().find(|(name, _)| RESERVED.contains(&name.as_str())) {
            return Err(ConnectError::Reserved(name.clone()));
        }
        for purpose in
            [Purpose::Produce, Purpose::Announce, Purpose::Follow, Purpose::Signal, Purpose::Listen]
        {
            self.config(purpose).create_native_config()?;
        }
        Names::new(&self.topic_prefix)
    }

    /// What all clients have in common.
    fn basics(&self) -> ClientConfig {
        let silence = limits::BROKER_SILENCE_MAX.as_millis().to_string();
        let mut config = ClientConfig::new();
        for (name, value) in [
            ("bootstrap.servers", self.bootstrap.as_str()),
            ("client.id", &self.node),
            ("socket.nagle.disable", "true"),
            ("reconnect.backoff.ms", "50"),
            ("reconnect.backoff.max.ms", "1000"),
            ("topic.metadata.refresh.fast.interval.ms", "20"),
            ("log.connection.close", "false"),
            // A broker that hangs is given up in time for another to be asked.
            ("socket.timeout.ms", &silence),
            ("socket.keepalive.enable", "true"),
            // The brokers would give it their own settings, under which records vanish.
            ("allow.auto.create.topics", "false"),
        ] {
            config.set(name, value);
        }
        config
    }

    fn config(&self, purpose: Purpose) -> ClientConfig {
        let mut config = self.basics();
        let group = format!("{}.{}", self.topic_prefix, self.node);
        for (name, value) in purpose.properties(&group) {
            config.set(name, value);
        }
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        authorities::trust_the_system(&mut config);
        config
    }

    /// Makes a client. Never waits for a broker.
    pub(super) fn client<C, T: FromClientConfigAndContext<C>>(
        &self,
        purpose: Purpose,
        context: C,
    ) -> Result<T, ConnectError>
    where
        C: rdkafka::ClientContext,
    {
        Ok(self.config(purpose).create_with_context(context)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_that_the_promises_rest_on_cannot_be_set() {
        let properties = vec![("acks".into(), "1".into())];
        let options = KafkaOptions { properties, ..KafkaOptions::new("127.0.0.1:1") };
        assert!(matches!(options.check(), Err(ConnectError::Reserved(name)) if name == "acks"));
    }

    #[test]
    fn reports_that_appends_wait_for_cannot_be_turned_off() {
        for name in ["delivery.report.only.error", "message.timeout.ms", "allow.auto.create.topics"] {
            let properties = vec![(name.into(), "true".into())];
            let options = KafkaOptions { properties, ..KafkaOptions::new("127.0.0.1:1") };
            assert!(matches!(options.check(), Err(ConnectError::Reserved(_))), "{name}");
        }
    }

    #[test]
    fn no_client_lets_the_brokers_make_topics() {
        let all = [
            Purpose::Produce,
            Purpose::Import,
            Purpose::Announce,
            Purpose::Admin,
            Purpose::Follow,
            Purpose::Fetch,
            Purpose::Signal,
            Purpose::Listen,
        ];
        for purpose in all {
            let config = KafkaOptions::new("127.0.0.1:1").config(purpose);
            assert_eq!(config.get("allow.auto.create.topics"), Some("false"), "{purpose:?}");
            config.create_native_config().unwrap();
        }
    }

    #[test]
    fn an_unknown_property_is_named() {
        let properties = vec![("no.such.thing".into(), "1".into())];
        let options = KafkaOptions { properties, ..KafkaOptions::new("127.0.0.1:1") };
        let error = options.check().unwrap_err().to_string();
        assert!(error.contains("no.such.thing"), "{error}");
    }

    #[test]
    fn properties_go_over_the_adapters_own() {
        let properties = vec![("linger.ms".into(), "5".into())];
        let options = KafkaOptions { properties, ..KafkaOptions::new("127.0.0.1:1") };
        assert_eq!(options.config(Purpose::Produce).get("linger.ms"), Some("5"));
    }
}
