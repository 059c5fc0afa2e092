//! A deletion on its way to the server.

use kafkatalk_protocol::{
    Body, ClientFrame, ConversationId, Message, MessageId, Offset, delete::TOMBSTONE_TEXT,
};
use serde::{Deserialize, Serialize};

/// Delete a message for everyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    /// The offset of the message.
    pub message: Offset,
}

impl Delete {
    /// The frame that asks for it.
    pub fn into_frame(self, conversation: ConversationId, id: MessageId) -> ClientFrame {
        ClientFrame::Delete { conversation, id, message: self.message }
    }

    /// The message as it will be.
    pub fn apply(message: &mut Message) {
        if let Ok(body) = Body::parse(TOMBSTONE_TEXT) {
            message.body = body;
        }
        message.edited_at = None;
        message.reactions.clear();
        message.reply_to = None;
        message.deleted = true;
    }
}
