//! A reaction on its way to the server.

use crate::client::{ChangeKind, Command, MessageChange};
use kafkatalk_protocol::{
    ClientFrame, ConversationId, Message, MessageId, Offset, Timestamp, UserId,
    reaction::{Emoji, Reaction},
};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// React to a message, or take that back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct React {
    /// The offset of the message.
    pub message: Offset,
    /// The emoji.
    pub emoji: Emoji,
    /// Whether the reaction is there from now on.
    pub on: bool,
}

/// As devices keep it.
#[derive(Serialize, Deserialize)]
struct Stored {
    react: React,
}

/// Reactions, as a kind of changes.
pub(crate) const KIND: ChangeKind =
    |json| serde_json::from_str(json).ok().map(|Stored { react }| Command::change(react));

impl MessageChange for React {
    fn to_json(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&Stored { react: self.clone() })
    }

    fn target(&self) -> Offset {
        self.message
    }

    fn to_frame(&self, conversation: ConversationId, id: MessageId) -> ClientFrame {
        let Self { message, emoji, on } = self.clone();
        ClientFrame::React { conversation, id, message, emoji, on }
    }

    fn apply(&self, message: &mut Message, user: UserId, _at: Timestamp) {
        if message.deleted {
            return;
        }
        let reactions = &mut message.reactions;
        let known = reactions.iter_mut().find(|reaction| reaction.emoji == self.emoji);
        match (self.on, known) {
            (true, Some(reaction)) if reaction.users.contains(&user) => {}
            (true, Some(reaction)) => reaction.users.push(user),
            (true, None) => {
                reactions.push(Reaction { emoji: self.emoji.clone(), users: vec![user] });
            }
            (false, Some(reaction)) => {
                reaction.users.retain(|known| *known != user);
                reactions.retain(|reaction| !reaction.users.is_empty());
            }
            (false, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_protocol::User;
    use uuid::Uuid;

    fn user(number: u128) -> UserId {
        UserId(Uuid::from_u128(number))
    }

    fn shown(message: &Message) -> Vec<(String, usize)> {
        let shown = |reaction: &Reaction| (reaction.emoji.to_string(), reaction.users.len());
        message.reactions.iter().map(shown).collect()
    }

    #[test]
    fn reactions_stand_in_the_order_of_their_first_use_and_count_each_person_once() {
        let sender = User { id: user(1), username: "ada".parse().unwrap() };
        let (conversation, id) = (ConversationId(Uuid::nil()), MessageId(Uuid::nil()));
        let now = Timestamp::default();
        let mut message = Message::new(conversation, Offset(0), id, sender, now, "hello".parse().unwrap());
        for (who, emoji, on) in [(1, "👍", true), (2, "🎉", true), (2, "👍", true), (2, "👍", true)] {
            React { message: Offset(0), emoji: emoji.parse().unwrap(), on }.apply(
                &mut message,
                user(who),
                now,
            );
        }
        assert_eq!(shown(&message), [("👍".into(), 2), ("🎉".into(), 1)]);
        for emoji in ["👍", "🎉"] {
            React { message: Offset(0), emoji: emoji.parse().unwrap(), on: false }.apply(
                &mut message,
                user(2),
                now,
            );
        }
        assert_eq!(shown(&message), [("👍".into(), 1)]);
    }
}
