//! What the log keeps: records in streams.

use kafkatalk_protocol::{ConversationId, Offset, Timestamp, UserId, event::Event};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{fmt, str::FromStr, sync::Arc};
use uuid::Uuid;

/// An append-only sequence of records with offsets from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// A conversation's messages and what happens to them. Offsets are dense.
    Conversation(ConversationId),
    /// One of the ledgers. The latest record per key matters; older ones may be compacted away.
    Ledger(Ledger),
}

/// Streams of which there is one each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ledger {
    /// Claims of usernames.
    Users,
    /// Sessions; only hashes of their tokens.
    Sessions,
    /// Conversations and who is in them.
    Conversations,
    /// Read and delivered positions.
    Receipts,
}

impl Ledger {
    /// Every ledger.
    pub const ALL: [Self; 4] = [Self::Users, Self::Sessions, Self::Conversations, Self::Receipts];

    /// The ledgers of logs that were written before there was a manifest.
    pub(crate) const BEFORE_MANIFEST: [Self; 4] =
        [Self::Users, Self::Sessions, Self::Conversations, Self::Receipts];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Sessions => "sessions",
            Self::Conversations => "conversations",
            Self::Receipts => "receipts",
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conversation(id) => write!(f, "conversation/{id}"),
            Self::Ledger(ledger) => f.write_str(ledger.as_str()),
        }
    }
}

/// Not the name of a stream.
#[derive(Debug, thiserror::Error)]
#[error("not a stream: {0:?}")]
pub struct NotAStream(String);

impl FromStr for Stream {
    type Err = NotAStream;
    fn from_str(text: &str) -> Result<Self, NotAStream> {
        if let Some(id) = text.strip_prefix("conversation/").and_then(|id| id.parse().ok()) {
            return Ok(Self::Conversation(id));
        }
        let ledger = Ledger::ALL.into_iter().find(|ledger| ledger.as_str() == text);
        ledger.map(Self::Ledger).ok_or_else(|| NotAStream(text.into()))
    }
}

/// A record's own id, made anew for every append. Never the client's id of a message: that one may be appended twice
/// when an outcome was unknown, and compaction keeps the last record of a key, where readers keep the first.
pub type RecordId = Uuid;

/// What a record is about, such as `message.posted`.
pub type Kind = Box<str>;

/// An envelope and its payload, as a stranger can read it: `{"id", "kind", "author", "at", "payload"}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Made anew for every append (v7, so that it sorts by time).
    pub id: RecordId,
    /// The key for compaction; a record without one is keyed by its id, so that compaction never touches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Box<str>>,
    /// See `kafkatalk_protocol::event`.
    pub kind: Kind,
    /// The person who caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<UserId>,
    /// When the node took it in.
    pub at: Timestamp,
    /// JSON.
    pub payload: Box<RawValue>,
}

impl Record {
    /// The kind of the record that [`crate::EventLog::erase`] appends. It has the erased record's key.
    pub const ERASED: &'static str = "record.erased";

    /// Wraps an event.
    ///
    /// # Panics
    /// Never: the events of the protocol are all writable as JSON.
    pub fn of<E: Event>(id: RecordId, author: Option<UserId>, at: Timestamp, event: &E) -> Self {
        let payload = serde_json::value::to_raw_value(event).expect("events are writable as JSON");
        Self { id, key: None, kind: E::KIND.into(), author, at, payload }
    }

    /// The record that erases another: of kind [`Record::ERASED`], under the erased record's key, which is its id
    /// where it had no other. Its payload is `{"erased": ID}`.
    ///
    /// # Panics
    /// Never: an id is writable as JSON.
    pub fn erasing(id: RecordId, erased: RecordId, key: Option<Box<str>>, at: Timestamp) -> Self {
        let key = key.unwrap_or_else(|| erased.to_string().into());
        let payload = serde_json::value::to_raw_value(&serde_json::json!({ "erased": erased }))
            .expect("an id is writable as JSON");
        Self { id, key: Some(key), kind: Self::ERASED.into(), author: None, at, payload }
    }

    /// What the record takes up, in bytes, for limits on memory: its payload, key and kind.
    pub fn bytes(&self) -> usize {
        self.payload.get().len() + self.kind.len() + self.key.as_ref().map_or(0, |key| key.len())
    }

    /// The same under a key of its own.
    #[must_use]
    pub fn keyed(mut self, key: impl Into<Box<str>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The payload, if the record is of that kind and well formed.
    pub fn event<E: Event>(&self) -> Option<Result<E, serde_json::Error>> {
        (*self.kind == *E::KIND).then(|| serde_json::from_str(self.payload.get()))
    }
}

/// A record at its place.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where.
    pub stream: Stream,
    /// At what position.
    pub offset: Offset,
    /// What. Shared, because many look at it.
    pub record: Arc<Record>,
}

/// A part of a stream. Offsets that are missing between two entries are holes: erased or compacted for good.
#[derive(Clone, Debug)]
pub struct Page {
    /// In offset order.
    pub entries: Vec<Entry>,
    /// Where to read on; equal to `end` when there is no more.
    pub next: Offset,
    /// The offset that the stream's next record will get, as of this read.
    pub end: Offset,
}
