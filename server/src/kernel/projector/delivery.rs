//! What goes to devices.

use crate::kernel::views::{Query, ViewsError};
use kafkatalk_protocol::{ConversationId, ServerFrame, SessionId, UserId};
use std::{fmt, sync::Arc};

/// A frame that looks different to each of its receivers, made when it is sent.
pub type MakeFrame = Arc<dyn Fn(&Query<'_>, UserId) -> Result<Option<ServerFrame>, ViewsError> + Send + Sync>;

/// Something for the devices that are connected to this node.
#[derive(Clone)]
pub enum Delivery {
    /// One frame for all devices of these people.
    To {
        /// The people.
        people: Arc<[UserId]>,
        /// The frame.
        frame: Box<ServerFrame>,
    },
    /// A frame for each person, read from the views on behalf of that person. It may come a moment after frames that
    /// were delivered later.
    Each {
        /// The people.
        people: Arc<[UserId]>,
        /// Makes the frame.
        make: MakeFrame,
    },
    /// A session has ended: its sockets close.
    EndSession {
        /// Whose it was.
        user: UserId,
        /// The session.
        session: SessionId,
    },
}

impl Delivery {
    /// One frame for all devices of these people.
    pub fn to(people: Arc<[UserId]>, frame: ServerFrame) -> Self {
        Self::To { people, frame: Box::new(frame) }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::To { people, frame } => f.debug_tuple("To").field(people).field(frame).finish(),
            Self::Each { people, .. } => f.debug_tuple("Each").field(people).finish(),
            Self::EndSession { session, .. } => f.debug_tuple("EndSession").field(session).finish(),
        }
    }
}

/// Introduces a conversation to people: each sees it in their own way.
pub fn introduce(conversation: ConversationId, people: Arc<[UserId]>) -> Delivery {
    let make: MakeFrame = Arc::new(move |views, person| {
        let seen = views.as_seen_by(person, conversation)?;
        let conversation = seen.map(|seen| seen.conversation()).transpose()?;
        Ok(conversation.map(|conversation| ServerFrame::Conversation { conversation }))
    });
    Delivery::Each { people, make }
}
