//! What a person asks the server to keep.

use kafkatalk_protocol::{Body, ClientFrame, ConversationId, Message, MessageId, Offset, Timestamp, UserId};
use serde_json::value::RawValue;
use std::{fmt::Debug, sync::Arc};
use uuid::Uuid;

/// One thing to do in a conversation. It is sent under an id of its own, under which the server does it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Post a message; the id of the command is the message's.
    Post {
        /// The text.
        body: Body,
        /// The offset of the message that it replies to.
        reply_to: Option<Offset>,
    },
    /// Change a message.
    Change(Arc<dyn MessageChange>),
}

/// A change of a message that a person asks for.
pub trait MessageChange: Debug + Send + Sync {
    /// As devices keep it: an object whose one member has the name of the kind.
    fn to_json(&self) -> serde_json::Result<Box<RawValue>>;

    /// The offset of the message.
    fn target(&self) -> Offset;

    /// The frame that asks the server for it.
    fn to_frame(&self, conversation: ConversationId, id: MessageId) -> ClientFrame;

    /// Makes of the message what it will be. `viewer` is who changes it, `at` when they asked for it.
    fn apply(&self, message: &mut Message, viewer: UserId, at: Timestamp);
}

/// Those that ask the server for the same are the same.
impl PartialEq for dyn MessageChange {
    fn eq(&self, other: &Self) -> bool {
        let frame = |change: &Self| change.to_frame(ConversationId(Uuid::nil()), MessageId(Uuid::nil()));
        frame(self) == frame(other)
    }
}

impl Eq for dyn MessageChange {}

/// One kind of changes: reads what [`MessageChange::to_json`] wrote. None where that is of another kind.
pub type ChangeKind = fn(&str) -> Option<Command>;

impl Command {
    /// Change a message.
    pub fn change(change: impl MessageChange + 'static) -> Self {
        Self::Change(Arc::new(change))
    }

    /// The frame that asks the server for it.
    pub(super) fn to_frame(&self, conversation: ConversationId, id: MessageId) -> ClientFrame {
        match self {
            Self::Post { body, reply_to } => {
                ClientFrame::Send { conversation, id, body: body.clone(), reply_to: *reply_to }
            }
            Self::Change(change) => change.to_frame(conversation, id),
        }
    }

    /// The message that it changes; none where it posts one.
    pub(super) fn target(&self) -> Option<Offset> {
        match self {
            Self::Post { .. } => None,
            Self::Change(change) => Some(change.target()),
        }
    }

    /// The message that it changes, as it will be.
    pub(super) fn apply(&self, message: &mut Message, viewer: UserId, at: Timestamp) {
        if let Self::Change(change) = self {
            change.apply(message, viewer, at);
        }
    }
}
