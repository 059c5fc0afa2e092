//! What views show of a conversation, and where two of them differ.

use crate::views::{Query, ViewsError};
use kafkatalk_log::{Record, RecordId};
use kafkatalk_protocol::{ConversationId, Message, MessageId, Offset, Timestamp, UserId};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

/// A message in its present state, as hashes: conversations may be long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    sender: UserId,
    id: MessageId,
    sent_at: Timestamp,
    record: RecordId,
    revision: Offset,
    body: [u8; 32],
    /// All that a member is told of it, but for what comes before it.
    whole: [u8; 32],
}

impl Shown {
    /// As views tell it.
    pub(super) fn of(message: Message, record: RecordId) -> Result<Self, ViewsError> {
        let message = Message { previous: None, ..message };
        let whole = serde_json::to_vec(&message).map_err(|error| ViewsError::Damaged(error.to_string()))?;
        Ok(Self {
            sender: message.sender.id,
            id: message.id,
            sent_at: message.sent_at,
            record,
            revision: message.revision(),
            body: Sha256::digest(message.body.as_str().as_bytes()).into(),
            whole: Sha256::digest(whole).into(),
        })
    }

    fn client_id(&self) -> ClientId {
        (self.sender, self.id)
    }

    /// In what two messages differ, if in anything.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        let Self { sender, id, sent_at, record, revision, body, whole } = self;
        let differs = [
            (*record != other.record, "record"),
            (*id != other.id, "id"),
            (*sender != other.sender, "author"),
            (*sent_at != other.sent_at, "time"),
            (*body != other.body, "body"),
            (*revision != other.revision, "revision"),
            (*whole != other.whole, "state"),
        ];
        differs.into_iter().find_map(|(differs, what)| differs.then_some(what))
    }
}

/// Messages by offset, with what each says comes before it.
pub(super) type Messages = BTreeMap<u64, (Option<Offset>, Shown)>;

type ClientId = (UserId, MessageId);

/// What views say of a conversation.
pub(super) struct Told {
    /// Who is in it; none where nobody opened it.
    pub(super) members: Option<Vec<UserId>>,
    /// Records that are held until somebody does.
    pub(super) held: u64,
    pub(super) messages: Messages,
}

impl Told {
    /// Read a page at a time.
    pub(super) fn read(
        views: &Query<'_>,
        conversation: ConversationId,
        page_messages: usize,
    ) -> Result<Self, ViewsError> {
        let (mut messages, mut after) = (Messages::new(), None);
        loop {
            let page = views.messages_and_records(conversation, after, page_messages)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.offset);
            for (message, record) in page {
                messages.insert(message.offset.0, (message.previous, Shown::of(message, record)?));
            }
        }
        Ok(Self {
            members: views.members(conversation)?.map(|members| members.to_vec()),
            held: views.held_records(conversation)?,
            messages,
        })
    }
}

/// What the log was asked to forget of a conversation. An erased record is gone from the log at once, and from views when
/// they come to the erasure.
#[derive(Default)]
pub(super) struct Erasures {
    all: HashSet<RecordId>,
    /// Those that the views have not come to.
    pending: HashSet<RecordId>,
    /// Records that the log shows, as far as the views are.
    read: HashSet<RecordId>,
}

impl Erasures {
    /// Takes note of a record, and whether the views have come to it.
    pub(super) fn note(&mut self, record: &Record, is_reached: bool) {
        if is_reached {
            self.read.insert(record.id);
        }
        if *record.kind == *Record::ERASED
            && let Some(erased) = record.key.as_deref().and_then(|key| Uuid::parse_str(key).ok())
        {
            self.all.insert(erased);
            if !is_reached {
                self.pending.insert(erased);
            }
        }
    }

    /// How many records somebody asked to forget.
    pub(super) fn count(&self) -> u64 {
        self.all.len() as u64
    }

    /// Records that the views may still hold and the log no longer shows.
    pub(super) fn gone_early(&self) -> u64 {
        self.pending.iter().filter(|record| !self.read.contains(*record)).count() as u64
    }

    /// Messages of which it is open what the views show, for they have not come to an erasure. Another copy may take the
    /// part of what is erased, so it is all of one id. What changed a message may be among what is gone.
    fn open(&self, log: &Messages, views: &Messages) -> HashSet<ClientId> {
        let shown = log.values().chain(views.values()).map(|(_, shown)| shown);
        let erased = shown.filter(|shown| self.pending.contains(&shown.record)).map(Shown::client_id);
        let is_later = |(offset, (_, shown)): &(&u64, &(Option<Offset>, Shown))| {
            log.get(offset).is_some_and(|(_, by_log)| by_log.revision < shown.revision)
        };
        let gone_early = self.gone_early() > 0;
        let changed = views.iter().filter(|_| gone_early).filter(is_later);
        erased.chain(changed.map(|(_, (_, shown))| shown.client_id())).collect()
    }
}

/// Says where what the log makes visible and what the views tell differ.
pub(super) fn compare(log: &Messages, views: &Messages, erasures: &Erasures, troubles: &mut Vec<String>) {
    let open = erasures.open(log, views);
    let is_settled = |shown: &Shown| !open.contains(&shown.client_id());
    let mut previous = None;
    for (offset, (_, shown)) in log.iter().filter(|(_, (_, shown))| is_settled(shown)) {
        match views.get(offset) {
            None => troubles.push(format!("offset {offset}: the views lack a message of the log")),
            Some((named, held)) => {
                if let Some(what) = shown.difference(held) {
                    troubles.push(format!("offset {offset}: the views show another {what} than the log"));
                }
                if settled_before(*named, views, is_settled) != previous {
                    troubles.push(format!("offset {offset}: the views name another message before it"));
                }
            }
        }
        previous = Some(Offset(*offset));
    }
    let settled = views.iter().filter(|(_, (_, shown))| is_settled(shown));
    for (offset, _) in settled.filter(|(offset, _)| !log.contains_key(offset)) {
        troubles.push(format!("offset {offset}: the views show a message that the log does not have"));
    }
}

/// What the views name before a message, without what is open.
fn settled_before(
    mut named: Option<Offset>,
    views: &Messages,
    is_settled: impl Fn(&Shown) -> bool,
) -> Option<Offset> {
    while let Some((before, shown)) = named.and_then(|at| views.get(&at.0))
        && !is_settled(shown)
    {
        named = *before;
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_protocol::User;

    fn message() -> Message {
        let sender = User { id: UserId(Uuid::from_u128(1)), username: "ada".parse().unwrap() };
        let (id, sent_at) = (MessageId(Uuid::from_u128(2)), Timestamp::from_millis(3));
        let conversation = ConversationId(Uuid::from_u128(4));
        Message::new(conversation, Offset(5), id, sender, sent_at, "hi".parse().unwrap())
    }

    fn shown(message: Message) -> Shown {
        Shown::of(message, Uuid::from_u128(6)).unwrap()
    }

    #[test]
    fn what_differs_is_named() {
        let one = shown(message());
        assert_eq!(one.difference(&one), None);
        let later = Message { sent_at: Timestamp::from_millis(4), ..message() };
        assert_eq!(one.difference(&shown(later)), Some("time"));
        let other = Message { body: "ho".parse().unwrap(), ..message() };
        assert_eq!(one.difference(&shown(other)), Some("body"));
        let changed = Message { revision: Some(Offset(9)), ..message() };
        assert_eq!(one.difference(&shown(changed)), Some("revision"));
        let edited = Message { edited_at: Some(Timestamp::from_millis(4)), ..message() };
        assert_eq!(one.difference(&shown(edited)), Some("state"));
        assert_eq!(one.difference(&shown(Message { previous: Some(Offset(1)), ..message() })), None);
    }
}
