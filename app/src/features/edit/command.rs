//! A changed text on its way to the server.

use crate::client::{ChangeKind, Command, MessageChange};
use kafkatalk_protocol::{Body, ClientFrame, ConversationId, Message, MessageId, Offset, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// Give a message another text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The offset of the message.
    pub message: Offset,
    /// The new text.
    pub body: Body,
}

/// As devices keep it.
#[derive(Serialize, Deserialize)]
struct Stored {
    edit: Edit,
}

/// Edits, as a kind of changes.
pub(crate) const KIND: ChangeKind =
    |json| serde_json::from_str(json).ok().map(|Stored { edit }| Command::change(edit));

impl MessageChange for Edit {
    fn to_json(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&Stored { edit: self.clone() })
    }

    fn target(&self) -> Offset {
        self.message
    }

    fn to_frame(&self, conversation: ConversationId, id: MessageId) -> ClientFrame {
        ClientFrame::Edit { conversation, id, message: self.message, body: self.body.clone() }
    }

    fn apply(&self, message: &mut Message, _viewer: UserId, at: Timestamp) {
        message.body = self.body.clone();
        message.edited_at = Some(at);
    }
}
