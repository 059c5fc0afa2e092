//! What members should see of a conversation, worked out from its records alone: apart from the views, to be compared
//! with them.

use kafkatalk_log::{Record, RecordId};
use kafkatalk_protocol::{
    Message, MessageId, Offset, Timestamp, UserId,
    event::{Event as _, MessagePosted},
};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet, hash_map::Entry};
use uuid::Uuid;

/// A message, its body as a hash: conversations may be long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) sender: UserId,
    pub(super) id: MessageId,
    pub(super) sent_at: Timestamp,
    pub(super) record: RecordId,
    body: [u8; 32],
}

impl Shown {
    /// As the views tell it.
    pub(super) fn of(message: &Message, record: RecordId) -> Self {
        Self {
            sender: message.sender.id,
            id: message.id,
            sent_at: message.sent_at,
            record,
            body: Sha256::digest(message.body.as_str().as_bytes()).into(),
        }
    }

    pub(super) fn client_id(&self) -> ClientId {
        (self.sender, self.id)
    }

    /// In what two messages differ, if in anything.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        let Self { sender, id, sent_at, record, body } = self;
        let differs = [
            (*record != other.record, "record"),
            (*id != other.id, "id"),
            (*sender != other.sender, "author"),
            (*sent_at != other.sent_at, "time"),
            (*body != other.body, "body"),
        ];
        differs.into_iter().find_map(|(differs, what)| differs.then_some(what))
    }
}

/// Messages by offset, with what each says comes before it.
pub(super) type Told = BTreeMap<u64, (Option<Offset>, Shown)>;

pub(super) type ClientId = (UserId, MessageId);

/// A conversation's records, taken in one by one.
#[derive(Default)]
pub(super) struct Replay {
    /// Where nobody opened the conversation, its messages are held, whoever wrote them.
    members: Option<HashSet<UserId>>,
    pub(super) visible: BTreeMap<u64, Shown>,
    first: HashMap<ClientId, u64>,
    copies: HashMap<ClientId, BTreeMap<u64, Shown>>,
    places: HashMap<RecordId, (u64, ClientId)>,
    /// Records that somebody asked to forget.
    pub(super) erased: HashSet<RecordId>,
    /// Those among them that the views may still show.
    pending: HashSet<RecordId>,
    /// Records that count for nothing: second copies, unknown kinds, of strangers, malformed.
    pub(super) skipped: u64,
}

impl Replay {
    pub(super) fn new(members: Option<&[UserId]>) -> Self {
        Self { members: members.map(|members| members.iter().copied().collect()), ..Self::default() }
    }

    /// Messages that are there, second copies included.
    pub(super) fn kept(&self) -> u64 {
        (self.visible.len() + self.copies.values().map(BTreeMap::len).sum::<usize>()) as u64
    }

    pub(super) fn take(&mut self, offset: Offset, record: &Record) {
        match &*record.kind {
            MessagePosted::KIND => self.post(offset.0, record),
            Record::ERASED => self.erase(record),
            _ => self.skipped += 1,
        }
    }

    /// Takes note of an erasure that the views have not come to.
    pub(super) fn forget(&mut self, record: &Record) {
        if *record.kind == *Record::ERASED
            && let Some(erased) = record.key.as_deref().and_then(|key| Uuid::parse_str(key).ok())
        {
            self.erased.insert(erased);
            self.pending.insert(erased);
        }
    }

    /// Records that the views may still hold and the log no longer shows.
    pub(super) fn gone_early(&self) -> u64 {
        self.pending.iter().filter(|record| !self.places.contains_key(*record)).count() as u64
    }

    /// Messages of which it is open what the views show, for they have not come to an erasure. Another copy may take the
    /// part of what is erased, so it is all of one id.
    pub(super) fn open(&self, told: &Told) -> HashSet<ClientId> {
        let all = self.visible.values().chain(told.values().map(|(_, shown)| shown));
        all.filter(|shown| self.pending.contains(&shown.record)).map(Shown::client_id).collect()
    }

    fn post(&mut self, offset: u64, record: &Record) {
        let posted = serde_json::from_str::<MessagePosted>(record.payload.get()).ok();
        let sender = record.author;
        let sender = sender.filter(|sender| self.members.as_ref().is_none_or(|them| them.contains(sender)));
        let (Some(posted), Some(sender)) = (posted, sender) else {
            self.skipped += 1;
            return;
        };
        let client_id = (sender, posted.id);
        let shown = Shown {
            sender,
            id: posted.id,
            sent_at: record.at,
            record: record.id,
            body: Sha256::digest(posted.body.as_str().as_bytes()).into(),
        };
        self.places.insert(record.id, (offset, client_id));
        if let Entry::Vacant(first) = self.first.entry(client_id) {
            first.insert(offset);
            self.visible.insert(offset, shown);
        } else {
            self.skipped += 1;
            self.copies.entry(client_id).or_default().insert(offset, shown);
        }
    }

    fn erase(&mut self, record: &Record) {
        let Some(erased) = record.key.as_deref().and_then(|key| Uuid::parse_str(key).ok()) else { return };
        self.erased.insert(erased);
        let Some((offset, client_id)) = self.places.remove(&erased) else { return };
        if self.visible.remove(&offset).is_none() {
            self.copies.get_mut(&client_id).map(|copies| copies.remove(&offset));
            return;
        }
        self.first.remove(&client_id);
        // The first copy takes its part.
        if let Some((offset, shown)) = self.copies.get_mut(&client_id).and_then(BTreeMap::pop_first) {
            self.first.insert(client_id, offset);
            self.visible.insert(offset, shown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_protocol::Body;

    fn posted(record: u128, id: u128, author: u128) -> Record {
        let posted = MessagePosted {
            id: MessageId(Uuid::from_u128(id)),
            body: Body::parse("hi").unwrap(),
            reply_to: None,
        };
        let author = UserId(Uuid::from_u128(author));
        Record::of(Uuid::from_u128(record), Some(author), Timestamp::from_millis(1), &posted)
    }

    fn erasing(record: u128, erased: u128) -> Record {
        Record::erasing(Uuid::from_u128(record), Uuid::from_u128(erased), None, Timestamp::from_millis(1))
    }

    fn seen(records: &[Record]) -> Vec<u64> {
        let mut replay = Replay::new(Some(&[UserId(Uuid::from_u128(1))]));
        for (offset, record) in (0..).zip(records) {
            replay.take(Offset(offset), record);
        }
        replay.visible.into_keys().collect()
    }

    #[test]
    fn the_first_message_of_an_id_is_seen_and_a_strangers_never() {
        assert_eq!(seen(&[posted(1, 1, 1), posted(2, 1, 1), posted(3, 2, 9), posted(4, 2, 1)]), [0, 3]);
    }

    #[test]
    fn a_copy_takes_the_part_of_an_erased_message() {
        let copied = [posted(1, 1, 1), posted(2, 1, 1), erasing(3, 1)];
        assert_eq!(seen(&copied), [1]);
        assert_eq!(seen(&[posted(1, 1, 1), posted(2, 1, 1), erasing(3, 2), erasing(4, 1)]), [0; 0]);
    }

    #[test]
    fn what_differs_is_named() {
        let mut replay = Replay::new(Some(&[UserId(Uuid::from_u128(1))]));
        replay.take(Offset(0), &posted(1, 1, 1));
        let one = replay.visible[&0].clone();
        assert_eq!(one.difference(&one), None);
        let later = Shown { sent_at: Timestamp::from_millis(2), ..one.clone() };
        assert_eq!(one.difference(&later), Some("time"));
        let other = Shown { body: [0; 32], ..one.clone() };
        assert_eq!(one.difference(&other), Some("body"));
    }
}
