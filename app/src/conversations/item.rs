//! A conversation in the list.

use super::{Desk, RouteLink};
use crate::conversation::text::preview;
use crate::route::Route;
use crate::ui::avatar::Avatar;
use crate::ui::person::{conversation_name, others};
use kafkatalk_protocol::{Conversation, Message, UserId};
use leptos::prelude::*;

/// Most that the count of unread messages shows.
const UNREAD_SHOWN_MAX: u64 = 99;

fn unread_label(unread: u64) -> String {
    if unread > UNREAD_SHOWN_MAX { format!("{UNREAD_SHOWN_MAX}+") } else { unread.to_string() }
}

fn last_line(message: &Message, viewer: UserId) -> String {
    let line = preview(message.body.as_str());
    if message.sender.id == viewer { format!("You: {line}") } else { line }
}

#[component]
pub(super) fn ListItem(conversation: Conversation) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let viewer = desk.viewer_id();
    let id = conversation.id;
    let name = conversation_name(&conversation.members, viewer);
    let person = others(&conversation.members, viewer).first().map(|person| (*person).clone());
    let last = conversation.last_message.clone();
    let at = last.as_ref().map_or(conversation.created_at, |message| message.sent_at);
    let line = last.map(|message| last_line(&message, viewer));
    let time = move || {
        let zone = desk.zone.get();
        zone.at(at).short(zone.at(desk.now.get()).day)
    };
    let unread = conversation.unread;
    let current = Signal::derive(move || desk.route.read().conversation() == Some(id));
    view! {
        <li>
            <RouteLink route=Route::Conversation(id) class="item" current>
                {person.map(|user| view! { <Avatar user /> })}
                <span class="item-name" dir="auto">{name}</span>
                <time class="item-time" datetime=at.to_string()>{time}</time>
                <span class="item-line" dir="auto">{line.unwrap_or_else(|| "No messages yet".into())}</span>
                {(unread > 0)
                    .then(|| {
                        view! {
                            <span class="item-unread">
                                {unread_label(unread)} <span class="visually-hidden">" unread"</span>
                            </span>
                        }
                    })}
            </RouteLink>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_unread_messages_are_not_counted_out() {
        assert_eq!((unread_label(99).as_str(), unread_label(100).as_str()), ("99", "99+"));
    }
}
