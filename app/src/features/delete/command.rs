//! A deletion on its way to the server.

use crate::client::{ChangeKind, Command, MessageChange};
use kafkatalk_protocol::{
    Body, ClientFrame, ConversationId, Message, MessageId, Offset, Timestamp, UserId, delete::TOMBSTONE_TEXT,
};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// Delete a message for everyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    /// The offset of the message.
    pub message: Offset,
}

/// As devices keep it.
#[derive(Serialize, Deserialize)]
struct Stored {
    delete: Delete,
}

/// Deletions, as a kind of changes.
pub(crate) const KIND: ChangeKind =
    |json| serde_json::from_str(json).ok().map(|Stored { delete }| Command::change(delete));

impl MessageChange for Delete {
    fn to_json(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&Stored { delete: *self })
    }

    fn target(&self) -> Offset {
        self.message
    }

    fn to_frame(&self, conversation: ConversationId, id: MessageId) -> ClientFrame {
        ClientFrame::Delete { conversation, id, message: self.message }
    }

    fn apply(&self, message: &mut Message, _viewer: UserId, _at: Timestamp) {
        Self::empty(message);
    }
}

impl Delete {
    /// Makes a tombstone of a message.
    pub fn empty(message: &mut Message) {
        if let Ok(body) = Body::parse(TOMBSTONE_TEXT) {
            message.body = body;
        }
        message.edited_at = None;
        message.reactions.clear();
        message.reply_to = None;
        message.deleted = true;
    }
}
