//! Deleting a message for everyone.

use crate::{MessageId, Offset, Timestamp, UserId, event::Event};
use serde::{Deserialize, Serialize};

/// The text of a message that was deleted, for clients that know no deletions.
pub const TOMBSTONE_TEXT: &str = "This message was deleted.";

/// The sender of a message deleted it for everyone. It carries all that is left of the message, so that the log may
/// forget the rest. The envelope's author is who deleted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageDeleted {
    /// The client's id of the deletion. It may stand in the log more than once: the first one counts.
    pub id: MessageId,
    /// The offset of the message.
    pub message: Offset,
    /// The sender's own id for the message.
    pub message_id: MessageId,
    /// Who posted the message.
    pub sender: UserId,
    /// When the node took the message in.
    pub sent_at: Timestamp,
}

impl Event for MessageDeleted {
    const KIND: &'static str = "message.deleted";
}
