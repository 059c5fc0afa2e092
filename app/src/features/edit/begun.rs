//! Edits that were begun, while one looks at another conversation.

use crate::chat::Chat;
use crate::client::{Event, Part, Subject, Surroundings};
use kafkatalk_protocol::{ConversationId, Offset};
use leptos::prelude::untrack;
use std::collections::BTreeMap;

/// A message that is edited, the text that it has, and the text as far as it was changed.
type Begun = ((Offset, String), String);

/// The edit that was begun in each conversation, and neither sent nor given up.
#[derive(Debug, Default)]
pub struct BegunEdits(BTreeMap<ConversationId, Begun>);

impl BegunEdits {
    /// The one of a conversation.
    pub(crate) fn of(chat: Chat) -> Option<Begun> {
        let read = |edits: &Self| edits.0.get(&chat.id).cloned();
        // It is read once, when the conversation is opened: nothing is to follow it.
        untrack(|| chat.desk.live.read_part(Subject::Conversation(chat.id), read)).flatten()
    }

    /// Keeps it, as it is now.
    pub(crate) fn keep(chat: Chat, message: (Offset, String), text: String) {
        chat.desk.live.change_part(|edits: &mut Self| {
            edits.0.insert(chat.id, (message, text));
        });
    }

    /// It was sent, or given up.
    pub(crate) fn forget(chat: Chat) {
        chat.desk.live.change_part(|edits: &mut Self| {
            edits.0.remove(&chat.id);
        });
    }
}

impl Part for BegunEdits {
    fn on(&mut self, event: Event<'_>, _: &mut Surroundings<'_>) {
        if matches!(event, Event::Ended) {
            self.0.clear();
        }
    }
}
