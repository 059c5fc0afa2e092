//! In the menu of a message: it asks first.

use super::Delete;
use crate::chat::{Chat, MessageAction};
use crate::client::{Command, Item};
use crate::ui::icon::Icon;
use leptos::prelude::*;

/// What is asked before a message is deleted.
const QUESTION: &str = "Delete this message for everyone?";

/// Offered for an own message.
pub(crate) fn action(chat: Chat, item: &Item) -> Option<MessageAction> {
    let message = item.offset().filter(|_| item.own() && item.in_log() && !item.deleted())?;
    let run = Callback::new(move |()| {
        if window().confirm_with_message(QUESTION).unwrap_or(false) {
            // Where the outbox is full, the message stays, as it shows.
            let _ = chat.desk.live.submit(chat.id, Command::change(Delete { message }));
        }
    });
    Some(MessageAction { label: "Delete for everyone", icon: Icon::Delete, danger: true, run })
}
