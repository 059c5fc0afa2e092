//! The contract, kept by the adapter for Apache Kafka on a real broker, and what is particular to it.
//!
//! The broker is started once for all tests here, by `scripts/kafka.sh`, and ends with this process, however that ends.
//! Tests that kill or stop brokers have some of their own, take a minute each and are run by
//! `cargo test -p kafkatalk-log --test kafka -- --ignored`. Each test has its own prefix of topic names. `KAFKATALK_TEST_KAFKA=HOST:PORT` takes a broker that runs already.

/// Tests of the module around, each on a place of its own on the broker.
macro_rules! tests {
    ($($name:ident),+ $(,)?) => {$(
        #[test]
        fn $name() {
            crate::contract::run::<crate::Kafka>(stringify!($name), super::$name);
        }
    )+};
}

#[path = "kafka/apart.rs"]
mod apart;
#[path = "kafka/broker.rs"]
mod broker;
#[path = "kafka/cluster.rs"]
mod cluster;
#[path = "kafka/console.rs"]
mod console;
mod contract;
#[path = "kafka/import.rs"]
mod import;
#[path = "kafka/killed.rs"]
mod killed;
#[path = "kafka/level.rs"]
mod level;
#[path = "kafka/lost.rs"]
mod lost;
#[path = "kafka/manifest.rs"]
mod manifest;
#[path = "kafka/nodes.rs"]
mod nodes;
#[path = "kafka/refused.rs"]
mod refused;
#[path = "kafka/signals.rs"]
mod signals;
#[path = "kafka/stranger.rs"]
mod stranger;

use contract::support::WAIT_MAX;
use contract::{Harness, Sizes, Tampering, Version};
use kafkatalk_log::{
    EventLog, Health, Ledger, Stream,
    kafka::{KafkaLog, KafkaOptions},
};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::time::timeout;

/// A place on the broker for one test.
struct Kafka {
    options: KafkaOptions,
}

fn options(bootstrap: &str, prefix: &str) -> KafkaOptions {
    KafkaOptions {
        topic_prefix: prefix.into(),
        feed_partitions: 4,
        producers: 6,
        // So that a node of a few conversations adds some, beside whatever it is tested for.
        conversations_per_producer: 1,
        sweep_interval: Duration::from_secs(1),
        forget_within: Duration::from_millis(500),
        feed_retention: Duration::from_secs(2),
        ..KafkaOptions::new(bootstrap)
    }
}

/// Longest that a log may take to become ready, on a machine that has other things to do.
const READY_MAX: Duration = Duration::from_mins(1);

async fn connect(options: KafkaOptions) -> Arc<KafkaLog> {
    let log = KafkaLog::connect(options).unwrap();
    let mut health = log.health();
    let ready = timeout(READY_MAX, health.wait_for(|health| *health == Health::Ready)).await.is_ok();
    assert!(ready, "{:?}", log.health().borrow());
    Arc::new(log)
}

/// Waits until a log says that it is unavailable, in words that have these in them.
async fn stays_away(log: &KafkaLog, words: &[&str]) {
    let mut health = log.health();
    let told = |health: &Health| match health {
        Health::Ready => panic!("it is ready"),
        Health::Unavailable(why) => words.iter().all(|word| why.contains(word)),
    };
    let told = timeout(WAIT_MAX, health.wait_for(told)).await.map(|told| told.map(drop));
    assert!(matches!(told, Ok(Ok(()))), "{:?}", log.health().borrow());
}

fn manifest_topic(kafka: &Kafka) -> String {
    format!("{}.meta", kafka.options.topic_prefix)
}

impl Kafka {
    fn options_of(&self, version: &Version) -> KafkaOptions {
        KafkaOptions { ledgers: version.ledgers.clone(), level: version.level, ..self.options.clone() }
    }
}

impl Harness for Kafka {
    // A broker makes 50 to 500 topics a second, as the machine has time: ten thousand have a test of their own below.
    const SIZES: Sizes =
        Sizes { streams: 1_000, records: 2_000, flood: 5_000, kills: 2, erasures: 6, cases: 5 };
    const FORGETS_WITHIN: Duration = Duration::from_mins(1);

    async fn new(test: &str) -> Self {
        let bootstrap = &tokio::task::spawn_blocking(broker::shared).await.unwrap().bootstrap;
        let prefix = format!("{test}-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        Self { options: options(bootstrap, &prefix) }
    }

    async fn open(&self) -> Arc<dyn EventLog> {
        connect(self.options.clone()).await
    }

    fn location(&self) -> String {
        format!("{} {}", self.options.bootstrap, self.options.topic_prefix)
    }

    fn files(&self) -> Vec<PathBuf> {
        broker::partitions(&self.options.topic_prefix)
    }

    async fn open_at(location: &str) -> Arc<dyn EventLog> {
        let (bootstrap, prefix) = location.split_once(' ').unwrap();
        connect(options(bootstrap, prefix)).await
    }
}

impl Tampering for Kafka {
    async fn open_as(&self, version: &Version) -> Arc<dyn EventLog> {
        connect(self.options_of(version)).await
    }

    async fn refused(&self, version: &Version, reason: &[&str]) {
        stays_away(&KafkaLog::connect(self.options_of(version)).unwrap(), reason).await;
    }

    async fn lose(&self, ledger: Ledger) {
        stranger::stranger(self).remove(&stranger::topic(self, Stream::Ledger(ledger))).await;
    }

    async fn lose_manifest(&self) {
        stranger::stranger(self).remove(&manifest_topic(self)).await;
    }
}

contract::contract_suite!(Kafka);
