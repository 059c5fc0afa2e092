//! What happens when the brokers no longer hold what they acknowledged: it is told, and nothing is lost in silence.

use crate::{
    Kafka, connect,
    contract::support::{WAIT_MAX, conversation, follow, message, next, say},
    stranger::{stranger, topic},
};
use kafkatalk_log::{
    AppendError, Checkpoint, EventLog, Health, Ledger, ReadError, Stream, Tail,
    kafka::{KafkaLog, KafkaOptions},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// Follows until the tail says what is damaged.
async fn damage(tail: &mut dyn Tail) -> String {
    let told = async {
        loop {
            match tail.next().await {
                Ok(batch) => assert!(batch.is_some(), "the tail ended"),
                Err(ReadError::Damaged(why)) => return why,
                Err(error) => panic!("{error}"),
            }
        }
    };
    timeout(WAIT_MAX, told).await.expect("nothing was said")
}

/// As after an election of a broker that had less: the views were further than the topic is.
async fn a_conversation_that_became_shorter_is_damage_and_takes_no_more(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    for text in ["a", "b"] {
        say(&*log, conversation(1), text).await;
        say(&*log, conversation(2), text).await;
    }
    let mut ahead = Checkpoint::new();
    follow(&mut *log.tail(Checkpoint::new()).await.unwrap(), &mut ahead, 4).await;
    ahead.insert(conversation(1).to_string(), 3);
    let mut tail = log.tail(ahead).await.unwrap();
    let (why, topic) = (damage(&mut *tail).await, topic(&kafka, conversation(1)));
    assert!(why.contains(&topic), "{why}");
    let refused = log.append(conversation(1), message("more")).await;
    assert!(matches!(&refused, Err(AppendError::Unavailable(why)) if why.contains(&topic)), "{refused:?}");
    say(&*log, conversation(2), "more").await;
    assert!(matches!(
        log.read(conversation(1), kafkatalk_protocol::Offset(0), 1).await,
        Err(ReadError::Damaged(_))
    ));
}

async fn a_ledger_that_became_shorter_is_damage(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let users = Stream::Ledger(Ledger::Users);
    say(&*log, users, "anna").await;
    let mut tail = log.tail(Checkpoint::from([(users.to_string(), 2)])).await.unwrap();
    let why = damage(&mut *tail).await;
    assert!(why.contains(&topic(&kafka, users)), "{why}");
}

async fn a_topic_made_anew_under_a_live_tail_is_damage(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    for text in ["a", "b", "c"] {
        say(&*log, conversation(1), text).await;
    }
    follow(&mut *tail, &mut Checkpoint::new(), 3).await;
    let topic = topic(&kafka, conversation(1));
    let stranger = stranger(&kafka);
    stranger.delete(&topic).await;
    while stranger.try_create(&topic, "compact").await.is_err() {
        sleep(Duration::from_millis(50)).await;
    }
    assert!(damage(&mut *tail).await.contains(&topic));
}

/// Own acknowledgements move the tail on while its sweeps are on their way, and tails are opened in the middle of it.
async fn busy_conversations_are_never_called_damaged(kafka: Kafka) {
    let mut options = kafka.options.clone();
    options.sweep_interval = Duration::from_millis(20);
    let log = connect(options).await;
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                for number in 0..100 {
                    say(&*log, conversation(writer), &number.to_string()).await;
                }
            })
        })
        .collect();
    let (mut held, mut checkpoint) = (0, Checkpoint::new());
    while held < 800 {
        let mut tail = log.tail(checkpoint.clone()).await.unwrap();
        for _ in 0..20 {
            if held == 800 {
                break;
            }
            let batch = next(&mut *tail).await;
            checkpoint.extend(batch.progress);
            held += batch.entries.len();
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    // Long enough for a doubt to be confirmed.
    let mut tail = log.tail(checkpoint).await.unwrap();
    let quiet = async { while tail.next().await.unwrap().is_some() {} };
    assert!(timeout(Duration::from_secs(4), quiet).await.is_err());
    assert_eq!(held, 800);
}

async fn a_ledger_that_is_gone_is_not_made_anew(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    say(&*log, conversation(1), "kept").await;
    log.close().await;
    let users = topic(&kafka, Stream::Ledger(Ledger::Users));
    stranger(&kafka).delete(&users).await;
    sleep(Duration::from_millis(500)).await;
    let log = KafkaLog::connect(kafka.options.clone()).unwrap();
    let told = |health: &Health| matches!(health, Health::Unavailable(why) if why.contains(&users) && why.contains("is gone"));
    timeout(WAIT_MAX, log.health().wait_for(told)).await.unwrap().unwrap();
}

async fn a_feed_that_is_gone_is_noticed_and_made_anew(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    say(&*log, conversation(1), "before").await;
    stranger(&kafka).delete(&format!("{}.feed", kafka.options.topic_prefix)).await;
    let mut health = log.health();
    timeout(WAIT_MAX, health.wait_for(|health| *health != Health::Ready)).await.unwrap().unwrap();
    timeout(WAIT_MAX, health.wait_for(|health| *health == Health::Ready)).await.unwrap().unwrap();
    say(&*log, conversation(1), "after").await;
    let other = connect(kafka.options.clone()).await;
    let mut tail = other.tail(Checkpoint::new()).await.unwrap();
    follow(&mut *tail, &mut Checkpoint::new(), 2).await;
    say(&*log, conversation(1), "told").await;
    follow(&mut *tail, &mut Checkpoint::new(), 1).await;
}

/// Another node may be started with more partitions, and would tell of half its conversations where nobody listens.
async fn a_tail_says_that_it_must_be_opened_again_when_the_feed_has_more_partitions(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    say(&*log, conversation(1), "before").await;
    let mut checkpoint = Checkpoint::new();
    follow(&mut *tail, &mut checkpoint, 1).await;
    stranger(&kafka).widen(&format!("{}.feed", kafka.options.topic_prefix), 8).await;
    let ended = async {
        loop {
            match tail.next().await {
                Ok(batch) => checkpoint.extend(batch.unwrap().progress),
                Err(error) => return error,
            }
        }
    };
    let error = timeout(WAIT_MAX, ended).await.unwrap();
    assert!(matches!(error, ReadError::Unavailable(_)), "{error}");
    let mut tail = log.tail(checkpoint.clone()).await.unwrap();
    say(&*log, conversation(1), "after").await;
    follow(&mut *tail, &mut checkpoint, 1).await;
}

async fn a_topic_with_another_policy_takes_no_records(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let topic = topic(&kafka, conversation(1));
    stranger(&kafka).create(&topic, "delete").await;
    let refused = log.append(conversation(1), message("it would be gone in a week")).await;
    let told = |why: &str| why.contains(&topic) && why.contains("cleanup.policy");
    assert!(matches!(&refused, Err(AppendError::Unavailable(why)) if told(why)), "{refused:?}");
}

async fn an_erasure_leaves_the_topics_own_settings(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let (record, topic, stranger) = (message("secret"), topic(&kafka, conversation(1)), stranger(&kafka));
    let id = record.id;
    log.append(conversation(1), record).await.unwrap();
    stranger.set(&topic, &[("cleanup.policy", "compact"), ("max.message.bytes", "2000000")]).await;
    stranger.settles(&topic, |settings| settings.contains_key("max.message.bytes")).await;
    log.erase(conversation(1), id, crate::contract::support::at()).await.unwrap();
    let settings = stranger.settles(&topic, |settings| !settings.contains_key("segment.ms")).await;
    assert_eq!(settings.get("max.message.bytes").map(String::as_str), Some("2000000"), "{settings:?}");
}

/// Nothing is written to a topic that is not there, whatever the brokers would make of it.
async fn a_log_without_brokers_takes_its_time_to_close_and_no_longer(kafka: Kafka) {
    let options = KafkaOptions { bootstrap: "127.0.0.1:1".into(), ..kafka.options.clone() };
    let log = KafkaLog::connect(options).unwrap();
    timeout(Duration::from_secs(20), log.close()).await.expect("close ends");
    assert!(matches!(log.append(conversation(1), message("no")).await, Err(AppendError::Unavailable(_))));
}

mod kafka {
    tests! {
        a_conversation_that_became_shorter_is_damage_and_takes_no_more,
        a_ledger_that_became_shorter_is_damage,
        a_topic_made_anew_under_a_live_tail_is_damage,
        busy_conversations_are_never_called_damaged,
        a_ledger_that_is_gone_is_not_made_anew,
        a_feed_that_is_gone_is_noticed_and_made_anew,
        a_tail_says_that_it_must_be_opened_again_when_the_feed_has_more_partitions,
        a_topic_with_another_policy_takes_no_records,
        an_erasure_leaves_the_topics_own_settings,
        a_log_without_brokers_takes_its_time_to_close_and_no_longer,
    }
}
