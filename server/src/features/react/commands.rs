//! Reacting to a message.

use crate::{
    features::messages::change::{ChangeError, Done, answer},
    kernel::Kernel,
};
use kafkatalk_protocol::{
    ConversationId, MessageId, Offset, User,
    reaction::{Emoji, ReactionSet},
};

impl Kernel {
    /// Sets a reaction of the caller, or takes it back, once however often it is sent under the same id. What is so
    /// already is no change.
    pub async fn react(
        &self,
        caller: &User,
        (conversation, message): (ConversationId, Offset),
        id: MessageId,
        emoji: Emoji,
        on: bool,
    ) -> Result<Done, ChangeError> {
        // What was allowed once can still be taken back.
        if on {
            Emoji::parse(emoji.as_str()).map_err(ChangeError::NoEmoji)?;
        }
        if self.to_be_changed(caller.id, conversation, message).await?.deleted {
            return Err(ChangeError::Deleted);
        }
        let event = ReactionSet { id, message, emoji, on };
        let (outcome, at) = self.change(caller.id, conversation, &event).await?;
        answer(outcome, at)
    }
}
