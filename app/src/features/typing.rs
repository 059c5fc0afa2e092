//! Who is typing: said while one writes, and shown of others.

mod state;
mod words;

use crate::{client::Subject, live::Live};
use kafkatalk_protocol::{ConversationId, UserId};

pub use state::Typing;
pub(crate) use words::words;

/// Who of the others is typing in a conversation. Tracks that alone.
pub(crate) fn typing_in(live: Live, conversation: ConversationId) -> Vec<UserId> {
    live.read_part(Subject::Conversation(conversation), |typing: &Typing| typing.who(conversation))
        .unwrap_or_default()
}
