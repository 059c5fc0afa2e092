//! Brokers that do not create a topic as it is to be: on three of their own, whose policy forbids a setting.

use crate::{
    broker::start_with,
    connect,
    contract::support::{conversation, say},
    options, stays_away,
    stranger::Stranger,
};
use kafkatalk_log::kafka::{KafkaLog, KafkaOptions};
use tokio::task::spawn_blocking;

/// What the brokers have by default.
const FORBIDDEN: &str = "unclean.leader.election.enable";
/// Nodes ask for that setting where losing a broker may lose nothing.
const COPIES: i32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_are_made_without_what_a_policy_forbids_and_brokers_have_anyway_and_others_are_named() {
    let start = || start_with(3, &[("KAFKA_FORBIDS", FORBIDDEN), ("KAFKA_HEAP", "256m")]);
    let brokers = spawn_blocking(start).await.unwrap();
    let of = |prefix| KafkaOptions { replication_factor: COPIES, ..options(&brokers.bootstrap, prefix) };

    let stranger = Stranger::new(&brokers.bootstrap);
    let log = connect(of("policed")).await;
    say(&*log, conversation(1), "kept").await;
    for topic in ["policed.users", "policed.feed"] {
        let settings = stranger.settings(topic).await;
        assert!(!settings.contains_key(FORBIDDEN), "{settings:?}");
        assert_eq!(settings["min.insync.replicas"], "2");
    }

    // To the brokers this is the same name as that of a topic that a log needs.
    stranger.create("there_users", "compact").await;
    let log = KafkaLog::connect(of("there")).unwrap();
    stays_away(&log, &["there.users", "there_users", "collides", "another prefix"]).await;
    stranger.remove("there_users").await;
    let mut health = kafkatalk_log::EventLog::health(&log);
    let ready = health.wait_for(|health| *health == kafkatalk_log::Health::Ready);
    tokio::time::timeout(crate::READY_MAX, ready)
        .await
        .expect("it is ready once that topic is gone")
        .unwrap();
}
