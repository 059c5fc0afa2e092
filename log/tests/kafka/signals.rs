//! Signals between nodes.

use crate::{
    Kafka, connect,
    contract::{
        signals::{heard, text_of, typing},
        support::{WAIT_MAX, conversation, follow, say, texts},
    },
    stranger::stranger,
};
use kafkatalk_log::{Checkpoint, EventLog, Health, Signals, kafka::KafkaLog};
use std::time::Duration;
use tokio::time::{interval, timeout};

/// Between two signals of somebody who repeats it until it is heard.
const AGAIN_EVERY: Duration = Duration::from_millis(50);

fn signals_topic(kafka: &Kafka) -> String {
    format!("{}.signals", kafka.options.topic_prefix)
}

/// Repeats a signal on one node until a subscriber of another hears something; what it heard first.
async fn repeat_until_heard(from: &KafkaLog, text: &str, at: &mut Signals) -> String {
    let repeat = async {
        let mut again = interval(AGAIN_EVERY);
        loop {
            again.tick().await;
            from.publish(typing(text));
        }
    };
    tokio::select! {
        () = repeat => unreachable!("it never ends"),
        heard = heard(at) => heard,
    }
}

async fn other_nodes_hear_it_once_and_in_order(kafka: Kafka) {
    let (one, other) = (connect(kafka.options.clone()).await, connect(kafka.options.clone()).await);
    let (mut here, mut there) = (one.subscribe(), other.subscribe());
    assert_eq!(repeat_until_heard(&one, "hello", &mut there).await, "hello");
    let mut expected: Vec<_> = (0..100).map(|number| number.to_string()).collect();
    expected.push("end".into());
    for text in &expected {
        one.publish(typing(text));
    }
    for signals in [&mut there, &mut here] {
        let mut texts = Vec::new();
        while texts.last().is_none_or(|last| last != "end") {
            texts.push(heard(signals).await);
        }
        texts.retain(|text| text != "hello");
        assert_eq!(texts, expected);
    }
}

async fn a_node_that_comes_later_hears_nothing_of_before(kafka: Kafka) {
    let one = connect(kafka.options.clone()).await;
    let says_before = |value: &[u8]| std::str::from_utf8(value).is_ok_and(|json| json.contains("before"));
    let before = async {
        let mut again = interval(AGAIN_EVERY);
        loop {
            again.tick().await;
            one.publish(typing("before"));
        }
    };
    let stranger = stranger(&kafka);
    let name = signals_topic(&kafka);
    stranger.sees(&name).await;
    tokio::select! {
        () = before => {}
        _ = stranger.until(&name, says_before) => {}
    }
    // What is still on its way reaches the topic before this does.
    let says_last = |value: &[u8]| std::str::from_utf8(value).is_ok_and(|json| json.contains("last"));
    one.publish(typing("last"));
    stranger.until(&name, says_last).await;
    let other = connect(kafka.options.clone()).await;
    let mut there = other.subscribe();
    assert_eq!(repeat_until_heard(&one, "after", &mut there).await, "after");
}

/// The brokers refuse a name that differs from another's by a dot for an underscore alone.
async fn without_their_topic_signals_stay_here_and_all_else_works(kafka: Kafka) {
    stranger(&kafka).create(&format!("{}_signals", kafka.options.topic_prefix), "delete").await;
    let log = connect(kafka.options.clone()).await;
    let mut signals = log.subscribe();
    log.publish(typing("hello"));
    assert_eq!(heard(&mut signals).await, "hello");
    say(&*log, conversation(1), "kept").await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    assert_eq!(texts(&follow(&mut *tail, &mut Checkpoint::new(), 1).await), ["kept"]);
    assert_eq!(*log.health().borrow(), Health::Ready);
}

async fn garbage_on_the_topic_of_signals_changes_nothing(kafka: Kafka) {
    let (one, other) = (connect(kafka.options.clone()).await, connect(kafka.options.clone()).await);
    let mut there = other.subscribe();
    repeat_until_heard(&one, "hello", &mut there).await;
    let (stranger, name) = (stranger(&kafka), signals_topic(&kafka));
    let huge = vec![b' '; 100_000];
    for value in [None, Some(&b"\xff\xfe{"[..]), Some(b"{}"), Some(br#"{"kind":"typing"}"#), Some(&huge)] {
        stranger.write(&name, None, value).await;
    }
    one.publish(typing("after"));
    let after = async {
        while let Some(signal) = there.next().await {
            if text_of(&signal) == "after" {
                return;
            }
        }
        panic!("it ended");
    };
    timeout(WAIT_MAX, after).await.unwrap();
}

/// Where nobody takes signals: they wait in bounded queues, and are dropped.
async fn a_flood_of_signals_holds_up_no_append(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    for number in 0..200_000 {
        log.publish(typing("flood"));
        if number % 20_000 == 0 {
            say(&*log, conversation(1), &number.to_string()).await;
        }
    }
    assert_eq!(follow(&mut *tail, &mut Checkpoint::new(), 10).await.len(), 10);
    let mut signals = log.subscribe();
    log.publish(typing("after"));
    assert_eq!(heard(&mut signals).await, "after");
}

mod kafka {
    tests! {
        other_nodes_hear_it_once_and_in_order,
        a_node_that_comes_later_hears_nothing_of_before,
        without_their_topic_signals_stay_here_and_all_else_works,
        garbage_on_the_topic_of_signals_changes_nothing,
        a_flood_of_signals_holds_up_no_append,
    }
}
