//! What may be lost.

use super::Harness;
use super::support::{WAIT_MAX, at, conversation, say};
use kafkatalk_log::limits::{SIGNAL_BYTES_MAX, SIGNALS_BUFFERED_MAX};
use kafkatalk_log::{Signal, Signals, Stream};
use kafkatalk_protocol::{Offset, UserId};
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

/// Somebody typing in a conversation; the text tells signals apart.
pub fn typing(text: &str) -> Signal {
    let Stream::Conversation(id) = conversation(1) else { panic!("a ledger") };
    Signal {
        kind: "typing".into(),
        conversation: Some(id),
        user: UserId(Uuid::from_u128(7)),
        at: at(),
        payload: serde_json::value::to_raw_value(&json!({ "text": text })).unwrap(),
        node: Uuid::nil(),
    }
}

pub fn text_of(signal: &Signal) -> String {
    let payload: serde_json::Value = serde_json::from_str(signal.payload.get()).unwrap();
    payload["text"].as_str().unwrap().to_owned()
}

/// The next signal of a subscription that must not end.
pub async fn heard(signals: &mut Signals) -> String {
    let signal = timeout(WAIT_MAX, signals.next()).await.expect("nothing was heard").expect("it ended");
    text_of(&signal)
}

pub async fn every_subscriber_hears_what_is_published_from_then_on<H: Harness>(harness: H) {
    let log = harness.open().await;
    log.publish(typing("before"));
    let mut first = log.subscribe();
    log.publish(typing("a"));
    let mut second = log.subscribe();
    log.publish(typing("b"));
    assert_eq!((heard(&mut first).await, heard(&mut first).await), ("a".into(), "b".into()));
    let signal = second.next().await.unwrap();
    assert_eq!(text_of(&signal), "b");
    let expected = typing("b");
    assert_eq!(
        (&signal.kind, signal.conversation, signal.user, signal.at),
        (&expected.kind, expected.conversation, expected.user, expected.at)
    );
    assert_ne!(signal.node, Uuid::nil(), "the log says which node it is of");
}

pub async fn a_subscriber_that_does_not_read_delays_nobody_and_loses_the_oldest<H: Harness>(harness: H) {
    let log = harness.open().await;
    let (mut slow, mut quick) = (log.subscribe(), log.subscribe());
    let many = SIGNALS_BUFFERED_MAX * 2;
    for number in 0..many {
        log.publish(typing(&number.to_string()));
        assert_eq!(heard(&mut quick).await, number.to_string());
    }
    assert_eq!(say(&*log, conversation(1), "hello").await, Offset(0));
    let first: usize = heard(&mut slow).await.parse().unwrap();
    assert_eq!((first, slow.lost()), (many - SIGNALS_BUFFERED_MAX, (many - SIGNALS_BUFFERED_MAX) as u64));
    for number in first + 1..many {
        assert_eq!(heard(&mut slow).await, number.to_string());
    }
    assert_eq!(quick.lost(), 0);
}

pub async fn a_signal_past_the_limit_is_dropped_and_the_next_is_heard<H: Harness>(harness: H) {
    let log = harness.open().await;
    let mut signals = log.subscribe();
    let frame = typing("").bytes();
    log.publish(typing(&"x".repeat(SIGNAL_BYTES_MAX - frame + 1)));
    let fits = "y".repeat(SIGNAL_BYTES_MAX - frame);
    log.publish(typing(&fits));
    assert_eq!(heard(&mut signals).await, fits);
}

pub async fn subscriptions_end_with_the_log<H: Harness>(harness: H) {
    let log = harness.open().await;
    let mut before = log.subscribe();
    log.publish(typing("last"));
    log.close().await;
    log.publish(typing("late"));
    assert_eq!(heard(&mut before).await, "last");
    assert!(before.next().await.is_none());
    assert!(log.subscribe().next().await.is_none());
}
