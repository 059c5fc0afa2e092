//! The open conversation, as its pane and the features see it: its state, its messages in their places, how texts and states
//! are worded.

pub mod state;
pub mod text;
pub mod timeline;

use crate::client::{self, ChatStatus, ChatView, ListView, People};
use crate::desk::Desk;
use crate::ui::icon::Icon;
use crate::ui::person::conversation_name;
use kafkatalk_protocol::{ConversationId, User};
use leptos::prelude::*;
use std::sync::Arc;

/// The conversation that this pane shows, as long as it is the one in the state.
#[derive(Clone, Copy)]
pub(crate) struct Chat {
    pub(crate) desk: Desk,
    pub(crate) id: ConversationId,
}

impl Chat {
    pub(crate) fn read<T>(self, read: impl FnOnce(&ChatView) -> T) -> Option<T> {
        self.desk.live.chat.with(|chat| chat.as_ref().filter(|chat| chat.id == self.id).map(read))
    }

    pub(crate) fn status(self) -> ChatStatus {
        self.read(|chat| chat.status).unwrap_or(ChatStatus::Loading)
    }

    /// Who is in it; while the conversation is loading, as the list knows it.
    pub(crate) fn people(self) -> People {
        let known = self.read(ChatView::people).filter(People::is_known);
        let listed = || {
            let row =
                |list: &ListView| list.rows.iter().find(|row| row.id == self.id).map(client::Row::people);
            self.desk.live.list.with(row)
        };
        known.or_else(listed).unwrap_or_default()
    }

    /// Whether members come and go.
    pub(crate) fn is_group(self) -> bool {
        self.people().group.is_some()
    }

    /// Everyone in it but the viewer.
    pub(crate) fn others(self) -> Arc<[User]> {
        self.people().others
    }

    /// What it is called.
    pub(crate) fn name(self) -> String {
        conversation_name(&self.people())
    }
}

/// One thing to do with a message.
#[derive(Clone)]
pub(crate) struct MessageAction {
    /// What it is called.
    pub(crate) label: &'static str,
    pub(crate) icon: Icon,
    /// Whether it destroys something.
    pub(crate) danger: bool,
    pub(crate) run: Callback<()>,
}
