//! Changing the text of a message.

use crate::{Body, MessageId, Offset, event::Event};
use serde::{Deserialize, Serialize};

/// The sender of a message gave it another text. The envelope's author is who changed it, its time is `edited_at`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageEdited {
    /// The client's id of the change. It may stand in the log more than once: the first one counts.
    pub id: MessageId,
    /// The offset of the message.
    pub message: Offset,
    /// The new text.
    #[serde(deserialize_with = "crate::text::kept_body")]
    pub body: Body,
}

impl Event for MessageEdited {
    const KIND: &'static str = "message.edited";
}

/// `PATCH /conversations/{id}/messages/{offset}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditMessage {
    /// The client's id of the change: sent again under the same id, it counts once.
    pub id: MessageId,
    /// The new text.
    pub body: Body,
}
