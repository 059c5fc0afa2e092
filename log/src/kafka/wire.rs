//! How a record looks on Kafka.
//!
//! The value is the envelope as JSON, which has the node's time in it; the key is [`Record::key`] or else the record's id,
//! and the message's time is the broker's. The feed holds the same value under the conversation's id as key, and says in headers at which `offset` it stands in the
//! conversation's topic, and which `node` wrote it. A feed record without a value announces that the topic goes up to
//! and including that offset; with the header `hole`, also that nothing stands there.

use super::{limits, names};
use crate::{Record, RecordId};
use kafkatalk_protocol::ConversationId;
use rdkafka::{
    Message,
    message::{BorrowedMessage, Header, Headers, OwnedHeaders},
};
use serde::Deserialize;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use uuid::Uuid;

const OFFSET: &str = "offset";
const NODE: &str = "node";
const HOLE: &str = "hole";

/// The key under which a record is compacted.
pub(super) fn key(record: &Record) -> String {
    record.key.as_deref().map_or_else(|| record.id.to_string(), Into::into)
}

pub(super) fn encode(record: &Record) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(record)
}

/// A record, or what is wrong with it.
pub(super) fn decode(value: &[u8]) -> Result<Arc<Record>, String> {
    serde_json::from_slice(value).map(Arc::new).map_err(|error| error.to_string())
}

/// The id of a record.
pub(super) fn id(value: &[u8]) -> Option<RecordId> {
    #[derive(Deserialize)]
    struct Identified {
        id: RecordId,
    }
    serde_json::from_slice::<Identified>(value).ok().map(|it| it.id)
}

/// The record at a place of a stream; none where there is nothing that can be read, which is as good as a hole. A message
/// without a value is a hole on purpose: see `erase`.
pub(super) fn record(garbage: &Garbage, message: &BorrowedMessage<'_>) -> Option<Arc<Record>> {
    let found = |why: &String| garbage.found(message.topic(), message.offset(), why);
    decode(message.payload()?).inspect_err(found).ok()
}

pub(super) fn feed_headers(offset: u64, node: Uuid, is_hole: bool) -> OwnedHeaders {
    let headers = OwnedHeaders::new_with_capacity(3)
        .insert(Header { key: OFFSET, value: Some(&offset.to_string()) })
        .insert(Header { key: NODE, value: Some(&node.to_string()) });
    if is_hole { headers.insert(Header { key: HOLE, value: Some("true") }) } else { headers }
}

/// What the headers and the key of a feed record say.
pub(super) struct FeedMark {
    pub(super) conversation: ConversationId,
    pub(super) offset: u64,
    pub(super) node: Uuid,
    /// Whether the node wrote a message without a value at that offset. Older versions did not say so.
    pub(super) is_hole: bool,
}

/// None where it is not a feed record of ours.
pub(super) fn feed_mark(message: &BorrowedMessage<'_>) -> Option<FeedMark> {
    let conversation = names::parse_id(std::str::from_utf8(message.key()?).ok()?)?;
    let headers = message.headers()?;
    let (mut offset, mut node, mut is_hole) = (None, None, false);
    for header in headers.iter() {
        let text = header.value.and_then(|bytes| std::str::from_utf8(bytes).ok());
        match header.key {
            OFFSET => offset = text.and_then(|text| text.parse().ok()),
            NODE => node = text.and_then(|text| text.parse().ok()),
            HOLE => is_hole = text == Some("true"),
            _ => {}
        }
    }
    Some(FeedMark { conversation, offset: offset?, node: node?, is_hole })
}

/// Counts what cannot be read, and warns now and then: a topic full of garbage must not fill the disk with warnings.
#[derive(Default)]
pub(super) struct Garbage(AtomicU64);

impl Garbage {
    pub(super) fn found(&self, topic: &str, offset: i64, why: &str) {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        if count.is_multiple_of(limits::GARBAGE_WARNING_EVERY) {
            tracing::warn!(topic, offset, count, "skipped something that is no record of ours: {why}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_protocol::Timestamp;
    use serde_json::value::RawValue;

    fn record() -> Record {
        let payload = RawValue::from_string(r#"{"body":"hi"}"#.into()).unwrap();
        let at = Timestamp::from_millis(1_769_850_900_120);
        Record { id: Uuid::from_u128(5), key: None, kind: "message.posted".into(), author: None, at, payload }
    }

    #[test]
    fn a_stranger_can_read_the_value() {
        let expected = concat!(
            r#"{"id":"00000000-0000-0000-0000-000000000005","kind":"message.posted","#,
            r#""at":"2026-01-31T09:15:00.120Z","payload":{"body":"hi"}}"#
        );
        assert_eq!(String::from_utf8(encode(&record()).unwrap()).unwrap(), expected);
    }

    #[test]
    fn a_record_without_a_key_is_keyed_by_its_id() {
        assert_eq!(key(&record()), "00000000-0000-0000-0000-000000000005");
        assert_eq!(key(&record().keyed("mine")), "mine");
    }

    #[test]
    fn garbage_is_no_record() {
        for bytes in [&b""[..], b"{}", b"\xff\xfe", b"[1,2"] {
            assert!(decode(bytes).is_err());
        }
    }
}
