//! Tools of the suite.

use kafkatalk_log::{AppendError, Batch, Checkpoint, Entry, EventLog, Record, Stream, Tail};
use kafkatalk_protocol::{ConversationId, Offset, Timestamp, UserId};
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

/// Longest that a test waits for one thing.
pub const WAIT_MAX: Duration = Duration::from_mins(1);

/// When everything happens in these tests.
pub fn at() -> Timestamp {
    Timestamp::from_millis(1_769_850_900_123)
}

/// A conversation's stream; the same for the same number.
pub fn conversation(number: u128) -> Stream {
    Stream::Conversation(ConversationId(Uuid::from_u128(number)))
}

/// A record of a message with that text.
pub fn message(text: &str) -> Record {
    raw(&json!({ "id": Uuid::new_v4(), "body": text }).to_string())
}

/// A record whose payload is this JSON, to the letter.
pub fn raw(json: &str) -> Record {
    Record {
        id: Uuid::now_v7(),
        key: None,
        kind: "message.posted".into(),
        author: Some(UserId(Uuid::from_u128(7))),
        at: at(),
        payload: serde_json::from_str(json).unwrap(),
    }
}

/// Appends a message that must go through. What is surely not written, as a log says whose brokers do not answer for a
/// moment, is said again.
pub async fn say(log: &dyn EventLog, stream: Stream, text: &str) -> Offset {
    let until = std::time::Instant::now() + WAIT_MAX;
    loop {
        match log.append(stream, message(text)).await {
            Err(AppendError::Unavailable(_)) if std::time::Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            answer => return answer.unwrap(),
        }
    }
}

/// A message's text.
pub fn text_of(record: &Record) -> String {
    let payload: serde_json::Value = serde_json::from_str(record.payload.get()).unwrap();
    payload["body"].as_str().unwrap_or_default().to_owned()
}

/// The texts of entries, in order.
pub fn texts(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| text_of(&entry.record)).collect()
}

/// Every record of a stream, page by page.
pub async fn read_all(log: &dyn EventLog, stream: Stream) -> Vec<Entry> {
    let (mut entries, mut from) = (Vec::new(), Offset(0));
    loop {
        let page = log.read(stream, from, 100).await.unwrap();
        entries.extend(page.entries);
        if page.next == page.end {
            return entries;
        }
        assert!(page.next > from, "a page that is not the last makes progress");
        from = page.next;
    }
}

/// The next batch of a tail that must not end.
pub async fn next(tail: &mut dyn Tail) -> Batch {
    let batch = tokio::time::timeout(WAIT_MAX, tail.next()).await;
    batch.expect("the tail fell silent").expect("the tail failed").expect("the tail ended")
}

/// Follows a tail until it has handed out so many entries.
pub async fn follow(tail: &mut dyn Tail, checkpoint: &mut Checkpoint, count: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    while entries.len() < count {
        let batch = next(tail).await;
        checkpoint.extend(batch.progress);
        entries.extend(batch.entries);
    }
    entries
}

/// Asserts that entries hold each stream's offsets one after the other, from these on.
pub fn assert_dense(entries: &[Entry], from: u64) {
    let mut next = std::collections::HashMap::new();
    for entry in entries {
        let expected = next.entry(entry.stream).or_insert(from);
        assert_eq!(entry.offset.0, *expected, "{}", entry.stream);
        *expected += 1;
    }
}
