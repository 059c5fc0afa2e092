//! What the views promise, against real files.

mod again;
mod committing;
mod hostile;
mod interleaving;
mod opening;
mod reading;
mod searching;
pub(super) mod texts;
mod versions;
mod writing;

use super::*;
use crate::{
    features::registry,
    kernel::projector::{Applied, Delivery, IgnoreReason, Projector},
};
use kafkatalk_log::{Batch, Entry, Ledger, Record, RecordId, Stream};
use kafkatalk_protocol::{
    Body, ConversationId, Message, MessageId, Offset, ServerFrame, SessionId, Timestamp, UserId, Username,
    event::{
        ConversationCreated, Event, MessagePosted, ReceiptRead, SessionEnded, SessionStarted, UserClaimed,
    },
    http::Messages,
};
use std::{collections::HashMap, sync::Arc};
use tempfile::TempDir;
use uuid::Uuid;

/// Views in a folder of their own.
pub(super) struct Bench {
    folder: TempDir,
    pub(super) views: Views,
    pub(super) applier: Applier,
    pub(super) streams: Streams,
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (views, applier) = open(&folder);
        Self { folder, views, applier, streams: Streams::default() }
    }

    pub(super) fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("views.sqlite")
    }

    /// As after a crash between two transactions.
    pub(super) fn reopen(&mut self) {
        // One writer at a time: the old one goes first.
        let elsewhere = tempfile::tempdir().unwrap();
        (self.views, self.applier) = open(&elsewhere);
        (self.views, self.applier) = open(&self.folder);
    }

    pub(super) fn apply(&mut self, entries: Vec<Entry>) -> Vec<Applied> {
        let batch = Batch { entries, ..Batch::default() };
        self.applier.apply(&batch).unwrap()
    }

    pub(super) fn apply_one(&mut self, entry: Entry) -> Applied {
        self.apply(vec![entry]).pop().unwrap()
    }

    pub(super) fn ask<T>(&self, ask: impl FnOnce(&Query<'_>) -> Result<T, ViewsError>) -> T {
        self.views.read_blocking(ask).unwrap()
    }

    pub(super) fn dump(&self) -> String {
        let mut out = Vec::new();
        self.views.dump(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Registers people and opens a conversation of all of them.
    pub(super) fn conversation(&mut self, people: &[u8]) -> ConversationId {
        let mut entries: Vec<_> = people.iter().map(|person| self.streams.claim(*person)).collect();
        entries.push(self.streams.created(1, people));
        self.apply(entries);
        conversation(1)
    }
}

fn open(folder: &TempDir) -> (Views, Applier) {
    let path = folder.path().join("views.sqlite");
    Views::open(&path, &ViewsOptions::default(), registry()).unwrap()
}

/// Questions that tests ask in one word.
impl Query<'_> {
    fn newest_offset(&self, there: ConversationId) -> Result<Option<Offset>, ViewsError> {
        self.as_seen_by_tools(there)?.map_or(Ok(None), |seen| seen.newest())
    }

    fn read_position(&self, there: ConversationId, user: UserId) -> Result<Option<Offset>, ViewsError> {
        self.as_seen_by(user, there)?.map_or(Ok(None), |seen| seen.read_position())
    }

    fn unread(&self, user: UserId, there: ConversationId) -> Result<u64, ViewsError> {
        self.as_seen_by(user, there)?.map_or(Ok(0), |seen| seen.unread())
    }

    fn messages(
        &self,
        there: ConversationId,
        page: HistoryPage,
        limit: usize,
    ) -> Result<Messages, ViewsError> {
        let none = Messages { messages: Vec::new(), next: None, through: None };
        self.as_seen_by_tools(there)?.map_or(Ok(none), |seen| seen.messages(page, limit))
    }

    fn message_by_client_id(
        &self,
        there: ConversationId,
        user: UserId,
        id: MessageId,
    ) -> Result<Option<Message>, ViewsError> {
        self.as_seen_by(user, there)?.map_or(Ok(None), |seen| seen.message_by_client_id(id))
    }
}

pub(super) fn user(number: u8) -> UserId {
    UserId(Uuid::from_u128(0x1000 + u128::from(number)))
}
pub(super) fn name(number: u8) -> Username {
    Username::parse(&format!("user-{number:03}")).unwrap()
}
pub(super) fn conversation(number: u8) -> ConversationId {
    ConversationId(Uuid::from_u128(0x2000 + u128::from(number)))
}
pub(super) fn message_id(number: u32) -> MessageId {
    MessageId(Uuid::from_u128(0x3000 + u128::from(number)))
}
pub(super) fn session(number: u8) -> SessionId {
    SessionId(Uuid::from_u128(0x4000 + u128::from(number)))
}
pub(super) fn token_hash(number: u8) -> String {
    format!("{number:064x}")
}

/// Makes records and gives them their places.
#[derive(Default)]
pub(super) struct Streams {
    next: HashMap<Stream, u64>,
    records: u64,
}

impl Streams {
    pub(super) fn append(&mut self, stream: Stream, record: Record) -> Entry {
        let next = self.next.entry(stream).or_default();
        let offset = Offset(*next);
        *next += 1;
        Entry { stream, offset, record: Arc::new(record) }
    }

    pub(super) fn record<E: Event>(&mut self, author: Option<UserId>, event: &E) -> Record {
        self.records += 1;
        let at = Timestamp::from_millis(1_000_000 + i64::try_from(self.records).unwrap());
        Record::of(Uuid::from_u128(0x5000 + u128::from(self.records)), author, at, event)
    }

    fn ledger<E: Event>(&mut self, ledger: Ledger, author: UserId, event: &E) -> Entry {
        let record = self.record(Some(author), event);
        self.append(Stream::Ledger(ledger), record)
    }

    pub(super) fn claim(&mut self, person: u8) -> Entry {
        self.claim_as(person, name(person))
    }

    pub(super) fn claim_as(&mut self, person: u8, username: Username) -> Entry {
        let claim = UserClaimed { user: user(person), username, password_hash: format!("hash of {person}") };
        self.ledger(Ledger::Users, user(person), &claim)
    }

    pub(super) fn created(&mut self, number: u8, people: &[u8]) -> Entry {
        let members = people.iter().map(|person| user(*person)).collect();
        let created = ConversationCreated { conversation: conversation(number), members };
        self.ledger(Ledger::Conversations, user(people[0]), &created)
    }

    pub(super) fn message(&mut self, number: u8, sender: u8, id: u32, text: &str) -> Entry {
        let posted = MessagePosted { id: message_id(id), body: Body::parse(text).unwrap(), reply_to: None };
        let record = self.record(Some(user(sender)), &posted);
        self.append(Stream::Conversation(conversation(number)), record)
    }

    /// A change of a group.
    pub(super) fn changed_group(&mut self, number: u8, by: u8, change: &impl Event) -> Entry {
        let record = self.record(Some(user(by)), change);
        self.append(Stream::Conversation(conversation(number)), record)
    }

    pub(super) fn read(&mut self, number: u8, reader: u8, offset: u64) -> Entry {
        let receipt =
            ReceiptRead { conversation: conversation(number), user: user(reader), offset: Offset(offset) };
        self.ledger(Ledger::Receipts, user(reader), &receipt)
    }

    pub(super) fn started(&mut self, number: u8, person: u8) -> Entry {
        let started = SessionStarted {
            session: session(number),
            user: user(person),
            token_hash: token_hash(number),
            user_agent: Some("a browser".into()),
        };
        self.ledger(Ledger::Sessions, user(person), &started)
    }

    pub(super) fn ended(&mut self, number: u8, person: u8) -> Entry {
        self.ledger(Ledger::Sessions, user(person), &SessionEnded { session: session(number) })
    }

    /// As the log does: under the key of the erased record, which is its id.
    pub(super) fn erased(&mut self, number: u8, erased: RecordId) -> Entry {
        self.records += 1;
        let record = Record {
            id: Uuid::from_u128(0x5000 + u128::from(self.records)),
            key: Some(erased.to_string().into()),
            kind: Record::ERASED.into(),
            author: None,
            at: Timestamp::from_millis(5_000_000),
            payload: serde_json::value::to_raw_value(&serde_json::json!({})).unwrap(),
        };
        self.append(Stream::Conversation(conversation(number)), record)
    }
}
