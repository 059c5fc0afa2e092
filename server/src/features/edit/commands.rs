//! Editing a message.

use crate::{
    features::messages::change::{ChangeError, Done, LEVEL, answer},
    kernel::Kernel,
};
use kafkatalk_log::Stream;
use kafkatalk_protocol::{Body, ConversationId, MessageId, Offset, User, edit::MessageEdited};

impl Kernel {
    /// Gives an own message another text, once however often it is sent under the same id. The text that it has already
    /// is no change.
    pub async fn edit(
        &self,
        caller: &User,
        conversation: ConversationId,
        id: MessageId,
        message: Offset,
        body: Body,
    ) -> Result<Done, ChangeError> {
        let held = self.to_be_changed(caller.id, conversation, message).await?;
        if held.sender.id != caller.id {
            return Err(ChangeError::NotAllowed);
        }
        if held.deleted {
            return Err(ChangeError::Deleted);
        }
        self.require_level(LEVEL).await?;
        self.rates.message(caller.id).map_err(ChangeError::TooOften)?;
        let (event, at) = (MessageEdited { id, message, body }, self.clock.now());
        let stream = Stream::Conversation(conversation);
        let outcome = self.commit(stream, caller.id, None, &event).await?;
        answer(outcome, at)
    }
}
