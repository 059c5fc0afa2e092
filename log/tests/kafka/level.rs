//! The feature level where there are several nodes.

use crate::{
    Kafka, connect,
    contract::{Version, level::finalised, support::WAIT_MAX},
    manifest_topic, stays_away,
    stranger::stranger,
};
use kafkatalk_log::{
    Checkpoint, EventLog, FEATURE_LEVEL, Health, Level, ReadError,
    kafka::{KafkaLog, LevelError, Levels},
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// Heartbeats in which a node surely has listened for long enough, and looked twice what is known by all.
const LONG_ENOUGH: usize = 15;

async fn node(kafka: &Kafka, name: &str, level: u32) -> Arc<KafkaLog> {
    let mut options = kafka.options_of(&Version::of_level(level));
    // Somebody counts its heartbeats later.
    options.feed_retention = Duration::from_hours(1);
    options.node = name.into();
    connect(options).await
}

/// Waits until a node has said so often that it is here.
async fn heard(kafka: &Kafka, name: &'static str, times: usize) {
    let (mut left, topic) = (times, format!("{}.nodes", kafka.options.topic_prefix));
    let is_enough = move |value: &[u8]| {
        let is_its = serde_json::from_slice::<Value>(value).is_ok_and(|beat| beat["node"] == name);
        left -= usize::from(is_its);
        left == 0
    };
    stranger(kafka).until(&topic, is_enough).await;
}

async fn the_level_stays_while_a_node_lives_that_does_not_know_it_and_rises_when_it_has_left(kafka: Kafka) {
    let old = node(&kafka, "old", 0).await;
    let _old_tail = old.tail(Checkpoint::new()).await.unwrap();
    let new = node(&kafka, "new", 1).await;
    let _new_tail = new.tail(Checkpoint::new()).await.unwrap();
    heard(&kafka, "new", LONG_ENOUGH).await;
    assert_eq!((*old.level().borrow(), *new.level().borrow()), (Level(0), Level(0)));
    old.close().await;
    finalised(&*new, 1).await;
}

async fn a_new_log_begins_at_the_level_of_the_node_that_creates_it(kafka: Kafka) {
    let creator = node(&kafka, "creator", 2).await;
    assert_eq!(*creator.level().borrow(), Level(2), "as soon as the log is open");
    let old = KafkaLog::connect(kafka.options_of(&Version::of_level(1))).unwrap();
    stays_away(&old, &["level 2", "up to 1", "start a newer version"]).await;
}

/// It has ledgers, and nobody knows whether nodes of that version still run.
async fn a_log_from_before_the_manifest_keeps_its_level_until_all_nodes_were_heard(kafka: Kafka) {
    node(&kafka, "before", 0).await.close().await;
    stranger(&kafka).remove(&manifest_topic(&kafka)).await;
    let new = node(&kafka, "new", 1).await;
    assert_eq!(*new.level().borrow(), Level(0), "as soon as the log is open");
    finalised(&*new, 1).await;
}

async fn what_one_node_finalised_the_others_hear(kafka: Kafka) {
    node(&kafka, "before", 1).await.close().await;
    let nodes = [node(&kafka, "a", 2).await, node(&kafka, "b", 2).await];
    // Without a tail of its own the second node does not know who is there.
    finalised(&*nodes[0], 2).await;
    let mut level = nodes[1].level();
    timeout(WAIT_MAX, level.wait_for(|level| *level == Level(2))).await.unwrap().unwrap();
}

async fn an_operator_raises_the_level_and_not_while_a_node_lives_that_does_not_know_it(kafka: Kafka) {
    let (options, level) = (kafka.options.clone(), FEATURE_LEVEL);
    assert!(matches!(KafkaLog::levels(options.clone()).await, Err(LevelError::NoLog(_))));
    // Without tails of their own these do not know who is there, and raise nothing by themselves.
    let old = node(&kafka, "old", level.0 - 1).await;
    let new = node(&kafka, "new", level.0).await;
    let nodes = vec![("new".to_owned(), level), ("old".to_owned(), Level(level.0 - 1))];
    let levels = KafkaLog::levels(options.clone()).await.unwrap();
    assert_eq!(levels, Levels { finalised: Level(level.0 - 1), nodes: Some(nodes) });
    let refused = KafkaLog::raise_level(options.clone(), level, true).await.unwrap_err();
    assert_eq!(refused, LevelError::OldNode { node: "old".into(), knows: Level(level.0 - 1) });
    assert_eq!(*new.level().borrow(), Level(level.0 - 1));
    old.close().await;
    assert_eq!(KafkaLog::raise_level(options.clone(), level, false).await.unwrap().finalised, level);
    let mut heard = new.level();
    timeout(WAIT_MAX, heard.wait_for(|now| *now == level)).await.unwrap().unwrap();
    assert_eq!(KafkaLog::levels(options).await.unwrap().finalised, level);
}

/// As where it was stopped in its tracks while the others went on.
async fn a_node_that_finds_a_level_that_it_does_not_know_ends_its_tails_and_refuses(kafka: Kafka) {
    let old = node(&kafka, "old", 1).await;
    let mut tail = old.tail(Checkpoint::new()).await.unwrap();
    finalised(&*old, 1).await;
    let fact = br#"{"fact":"level","level":2}"#;
    stranger(&kafka).write(&manifest_topic(&kafka), Some("level/2"), Some(fact)).await;
    let ended = async {
        loop {
            match tail.next().await {
                Ok(batch) => assert!(batch.is_some()),
                Err(error) => return error,
            }
        }
    };
    assert!(matches!(timeout(WAIT_MAX, ended).await.unwrap(), ReadError::Unavailable(_)));
    let unavailable = |health: &Health| *health != Health::Ready;
    timeout(WAIT_MAX, old.health().wait_for(unavailable)).await.unwrap().unwrap();
    stays_away(&old, &["level 2", "up to 1", "start a newer version"]).await;
    assert_eq!(*old.level().borrow(), Level(1));
}

mod kafka {
    tests! {
        the_level_stays_while_a_node_lives_that_does_not_know_it_and_rises_when_it_has_left,
        a_new_log_begins_at_the_level_of_the_node_that_creates_it,
        a_log_from_before_the_manifest_keeps_its_level_until_all_nodes_were_heard,
        what_one_node_finalised_the_others_hear,
        an_operator_raises_the_level_and_not_while_a_node_lives_that_does_not_know_it,
        a_node_that_finds_a_level_that_it_does_not_know_ends_its_tails_and_refuses,
    }
}
