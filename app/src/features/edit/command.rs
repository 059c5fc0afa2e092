//! A changed text on its way to the server.

use kafkatalk_protocol::{Body, ClientFrame, ConversationId, Message, MessageId, Offset, Timestamp};
use serde::{Deserialize, Serialize};

/// Give a message another text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The offset of the message.
    pub message: Offset,
    /// The new text.
    pub body: Body,
}

impl Edit {
    /// The frame that asks for it.
    pub fn into_frame(self, conversation: ConversationId, id: MessageId) -> ClientFrame {
        ClientFrame::Edit { conversation, id, message: self.message, body: self.body }
    }

    /// The message as it will be.
    pub fn apply(&self, message: &mut Message, at: Timestamp) {
        message.body = self.body.clone();
        message.edited_at = Some(at);
    }
}
