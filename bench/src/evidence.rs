//! What clients saw of one conversation: all that the checks look at.

use crate::numbered::{Numbering, id_in};
use kafkatalk_protocol::{ConversationId, Message, MessageId, Offset, UserId, delete::TOMBSTONE_TEXT};
use std::collections::{BTreeMap, BTreeSet};

/// A message at its place, in the state that a client was told of. What it says is compared when it arrives, not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its position.
    pub(crate) offset: Offset,
    /// The position of the one before.
    pub(crate) previous: Previous,
    /// Whose id.
    pub(crate) id: MessageId,
    /// Who said it.
    pub(crate) sender: UserId,
    /// What it says.
    pub(crate) says: Says,
    /// The record that brought it into this state: of two states the one with the higher revision is the later.
    pub(crate) revision: Offset,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// What was sent under its id.
    Posted,
    /// What the change with that id made of it.
    Edited(MessageId),
    /// Nothing any more: it was deleted, and none of its text is left.
    Deleted,
    /// Something that was done to the group: it is no message.
    Notice,
    /// Something that nobody wrote there.
    Other,
}

impl Says {
    fn of(message: &Message, numbering: Numbering) -> Self {
        if message.notice.is_some() {
            return Self::Notice;
        }
        let (body, edited) = (message.body.as_str(), message.edited_at.is_some());
        if message.deleted {
            return if body == TOMBSTONE_TEXT && !edited { Self::Deleted } else { Self::Other };
        }
        let Some(written) = id_in(body).filter(|id| body == numbering.text(*id)) else { return Self::Other };
        let posted = written == message.id && numbering.number(written).is_some();
        match (posted, edited) {
            (true, false) => Self::Posted,
            (false, true) if numbering.message_of(written) == Some(message.id) => Self::Edited(written),
            _ => Self::Other,
        }
    }
}

/// What a client knows of the message before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Previous {
    /// The server named it; none before the first.
    Told(Option<Offset>),
    /// An ack does not name it.
    Untold,
}

impl Line {
    /// As a message tells.
    pub(crate) fn of(message: &Message, numbering: Numbering) -> Self {
        Self {
            offset: message.offset,
            previous: Previous::Told(message.previous),
            id: message.id,
            sender: message.sender.id,
            says: Says::of(message, numbering),
            revision: message.revision(),
        }
    }

    /// One's own message, as its ack tells.
    pub(crate) fn of_ack(id: MessageId, offset: Offset, me: UserId) -> Self {
        Self { offset, previous: Previous::Untold, id, sender: me, says: Says::Posted, revision: offset }
    }
}

/// What one member was shown, in the order in which it was shown.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    /// Who.
    pub(crate) member: UserId,
    /// The sequence on their screen.
    pub(crate) shown: Vec<Line>,
    /// Whether the sequence holds the member's own messages too; else their acks stand for them.
    pub(crate) own_shown: bool,
}

/// A change of a message that its sender asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Which message.
    pub(crate) message: MessageId,
    /// Whether it deletes the message, rather than giving it another text.
    pub(crate) deletes: bool,
}

/// All about one conversation.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    /// Which.
    pub(crate) conversation: ConversationId,
    /// Every message that a client sent there, and who did.
    pub(crate) said: BTreeMap<MessageId, UserId>,
    /// Every ack that came, repeated ones too.
    pub(crate) acks: Vec<(MessageId, Offset)>,
    /// Every change that a client asked for, by the client's id of the change.
    pub(crate) changes: BTreeMap<MessageId, Change>,
    /// Every ack of a change that came, repeated ones too.
    pub(crate) change_acks: Vec<(MessageId, Offset)>,
    /// Every change of the group by its log, and who made it.
    pub(crate) notices: BTreeMap<Offset, UserId>,
    /// What was refused since its sender was out of the group: nothing need become of it.
    pub(crate) turned_away: BTreeSet<MessageId>,
    /// The history as each member reads it afterwards, page by page.
    pub(crate) histories: Vec<(UserId, Vec<Line>)>,
    /// What each member was shown.
    pub(crate) witnesses: Vec<Witness>,
}

impl Evidence {
    /// Nothing yet.
    pub(crate) fn new(conversation: ConversationId) -> Self {
        Self {
            conversation,
            said: BTreeMap::new(),
            acks: Vec::new(),
            changes: BTreeMap::new(),
            change_acks: Vec::new(),
            notices: BTreeMap::new(),
            turned_away: BTreeSet::new(),
            histories: Vec::new(),
            witnesses: Vec::new(),
        }
    }

    /// What a member was shown, to add to; for one whose acks stand for their own messages.
    pub(crate) fn witness(&mut self, member: UserId) -> &mut Witness {
        let place = self.witnesses.iter().position(|witness| witness.member == member);
        let place = place.unwrap_or_else(|| {
            self.witnesses.push(Witness { member, shown: Vec::new(), own_shown: false });
            self.witnesses.len() - 1
        });
        &mut self.witnesses[place]
    }
}
