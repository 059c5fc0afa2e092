//! Reacting to a message.

use crate::{
    features::messages::change::{ChangeError, Done, LEVEL, answer},
    kernel::Kernel,
};
use kafkatalk_log::Stream;
use kafkatalk_protocol::{
    ConversationId, Message, MessageId, Offset, User, UserId,
    reaction::{Emoji, REACTIONS_OF_PERSON_MAX, ReactionSet},
};

impl Kernel {
    /// Sets a reaction of the caller, or takes it back, once however often it is sent under the same id. What is so
    /// already is no change: nothing is written.
    pub async fn react(
        &self,
        caller: &User,
        (conversation, message): (ConversationId, Offset),
        id: MessageId,
        emoji: Emoji,
        on: bool,
    ) -> Result<Done, ChangeError> {
        let held = self.read_as(caller.id, conversation, move |seen| seen.message(message)).await?;
        let held = held.ok_or(ChangeError::NotFound)?;
        if held.deleted {
            return Err(ChangeError::Deleted);
        }
        let own = reactions_of(&held, caller.id);
        if own.contains(&&emoji) == on {
            return Ok(Done { record: held.revision(), at: held.sent_at });
        }
        if on && own.len() >= REACTIONS_OF_PERSON_MAX {
            return Err(ChangeError::TooManyReactions);
        }
        self.require_level(LEVEL)?;
        self.rates.message(caller.id).map_err(ChangeError::TooOften)?;
        let (event, at) = (ReactionSet { id, message, emoji, on }, self.clock.now());
        let outcome = self.commit(Stream::Conversation(conversation), caller.id, None, &event).await?;
        answer(outcome, at)
    }
}

fn reactions_of(message: &Message, user: UserId) -> Vec<&Emoji> {
    let own = message.reactions.iter().filter(|reaction| reaction.users.contains(&user));
    own.map(|reaction| &reaction.emoji).collect()
}
