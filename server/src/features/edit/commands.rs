//! Editing a message.

use crate::{
    features::messages::change::{ChangeError, Done, answer},
    kernel::Kernel,
};
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
        let event = MessageEdited { id, message, body: body.with_line_feeds() };
        let (outcome, at) = self.change(caller.id, conversation, &event).await?;
        answer(outcome, at)
    }
}
