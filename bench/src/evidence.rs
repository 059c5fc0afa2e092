//! What clients saw of one conversation: all that the checks look at.

use crate::numbered::Numbering;
use kafkatalk_protocol::{ConversationId, Message, MessageId, Offset, UserId};
use std::collections::BTreeMap;

/// A message at its place, as a client was told of it. What it says is compared when it arrives, not kept.
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
    /// Whether it says what was sent under that id.
    pub(crate) intact: bool,
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
        let intact =
            numbering.number(message.id).is_some() && message.body.as_str() == numbering.text(message.id);
        Self {
            offset: message.offset,
            previous: Previous::Told(message.previous),
            id: message.id,
            sender: message.sender.id,
            intact,
        }
    }

    /// One's own message, as its ack tells.
    pub(crate) fn of_ack(id: MessageId, offset: Offset, me: UserId) -> Self {
        Self { offset, previous: Previous::Untold, id, sender: me, intact: true }
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

/// All about one conversation.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    /// Which.
    pub(crate) conversation: ConversationId,
    /// Every message that a client sent there, and who did.
    pub(crate) said: BTreeMap<MessageId, UserId>,
    /// Every ack that came, repeated ones too.
    pub(crate) acks: Vec<(MessageId, Offset)>,
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
