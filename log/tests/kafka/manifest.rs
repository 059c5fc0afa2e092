//! The manifest on Kafka: what is particular to a topic.

use crate::{
    Kafka, connect,
    contract::{
        Tampering, Version,
        support::{conversation, say},
    },
    manifest_topic, stays_away,
    stranger::{stranger, topic},
};
use kafkatalk_log::{
    EventLog, Ledger, LogIdentity, Stream,
    kafka::{KafkaLog, KafkaReader},
};
use serde_json::Value;
use std::collections::HashSet;

/// The brokers refuse a name that differs from another's by a dot for an underscore alone.
async fn a_manifest_that_cannot_be_created_is_said(kafka: Kafka) {
    stranger(&kafka).create(&format!("{}_meta", kafka.options.topic_prefix), "delete").await;
    let log = KafkaLog::connect(kafka.options.clone()).unwrap();
    let (name, grant) = (manifest_topic(&kafka), "grant Create on it");
    stays_away(&log, &[&name, grant, "1 partitions and cleanup.policy=compact"]).await;
}

async fn a_manifest_that_forgets_by_age_is_refused(kafka: Kafka) {
    stranger(&kafka).create(&manifest_topic(&kafka), "delete").await;
    let log = KafkaLog::connect(kafka.options.clone()).unwrap();
    stays_away(&log, &[&manifest_topic(&kafka), "cleanup.policy=delete"]).await;
}

async fn the_manifest_names_the_ledgers_in_words_that_anybody_can_read(kafka: Kafka) {
    connect(kafka.options.clone()).await.close().await;
    let names_users = |value: &[u8]| {
        serde_json::from_slice::<Value>(value)
            .is_ok_and(|fact| fact["fact"] == "ledger" && fact["name"] == "users")
    };
    stranger(&kafka).until(&manifest_topic(&kafka), names_users).await;
}

/// What a broken-off start of a new log leaves: topics, and no manifest or half of one.
async fn a_new_log_whose_first_start_was_broken_off_is_started_again(kafka: Kafka) {
    let stranger = stranger(&kafka);
    stranger.create(&topic(&kafka, Stream::Ledger(Ledger::Users)), "compact").await;
    stranger.create(&manifest_topic(&kafka), "compact").await;
    let fact = br#"{"fact":"ledger","name":"sessions"}"#;
    stranger.write(&manifest_topic(&kafka), Some("ledger/sessions"), Some(fact)).await;
    let log = connect(kafka.options.clone()).await;
    say(&*log, Stream::Ledger(Ledger::Sessions), "begun").await;
}

async fn garbage_in_the_manifest_changes_nothing(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    say(&*log, conversation(1), "kept").await;
    log.close().await;
    let (stranger, name) = (stranger(&kafka), manifest_topic(&kafka));
    for value in [None, Some(&b"\xff\xfe{"[..]), Some(b"{}"), Some(br#"{"fact":"of later"}"#)] {
        stranger.write(&name, Some("key"), value).await;
    }
    let log = connect(kafka.options.clone()).await;
    log.close().await;
    kafka.lose(Ledger::Users).await;
    kafka.refused(&Version::this(), &["users", "is gone"]).await;
}

/// A log of a version before, of which a ledger was lost before there was a manifest.
async fn a_ledger_that_is_gone_from_a_log_without_a_manifest_is_refused(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    say(&*log, conversation(1), "kept").await;
    log.close().await;
    kafka.lose_manifest().await;
    kafka.lose(Ledger::Receipts).await;
    kafka.refused(&Version::this(), &["receipts", "is gone"]).await;
}

async fn all_nodes_that_start_at_once_agree_on_which_log_it_is(kafka: Kafka) {
    let starting = (0..3).map(|_| tokio::spawn(connect(kafka.options.clone())));
    let mut identities = HashSet::new();
    for started in starting.collect::<Vec<_>>() {
        identities.insert(started.await.unwrap().identity().await.unwrap());
    }
    let reader = KafkaReader::open(kafka.options.clone()).unwrap();
    identities.insert(reader.identity().await.unwrap().unwrap());
    assert_eq!(identities.len(), 1, "{identities:?}");
}

/// As where all topics of a prefix were deleted, and nodes started on it again.
async fn topics_that_are_created_anew_are_another_log(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let before = log.identity().await.unwrap();
    log.close().await;
    for ledger in Ledger::ALL {
        kafka.lose(ledger).await;
    }
    kafka.lose_manifest().await;
    let after = connect(kafka.options.clone()).await.identity().await.unwrap();
    assert_ne!(before, after);
    let begins = |identity: &LogIdentity| identity.as_str().rsplit_once('/').unwrap().0.to_owned();
    assert_eq!(begins(&before), begins(&after), "cluster and prefix are the same");
}

async fn a_log_that_has_no_manifest_yet_has_no_identity_for_a_reader(kafka: Kafka) {
    let reader = KafkaReader::open(kafka.options.clone()).unwrap();
    assert_eq!(reader.identity().await.unwrap(), None);
}

mod kafka {
    tests! {
        all_nodes_that_start_at_once_agree_on_which_log_it_is,
        topics_that_are_created_anew_are_another_log,
        a_log_that_has_no_manifest_yet_has_no_identity_for_a_reader,
        a_manifest_that_cannot_be_created_is_said,
        a_manifest_that_forgets_by_age_is_refused,
        the_manifest_names_the_ledgers_in_words_that_anybody_can_read,
        a_new_log_whose_first_start_was_broken_off_is_started_again,
        garbage_in_the_manifest_changes_nothing,
        a_ledger_that_is_gone_from_a_log_without_a_manifest_is_refused,
    }
}
