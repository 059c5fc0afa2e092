//! One conversation: its messages, the composer, details.

mod blank;
mod bubble;
mod composer;
mod details;
mod header;
mod log;
mod menu;
mod scroll;

use crate::chat::Chat;
use crate::client::ChatStatus;
use crate::desk::Desk;
use crate::features;
use crate::features::members::MembersSide;
use crate::ui::focus::{focus_soon, has_focus, is_touched};
use crate::ui::follow::follow;
use blank::{CouldNotLoad, NoLongerMember, NoSuchConversation, NothingOpen, Skeleton};
use composer::Composer;
use details::Details;
use header::Header;
use kafkatalk_protocol::ConversationId;
use leptos::prelude::*;
use log::MessageLog;
use scroll::Scroll;

/// The pane beside the list: the open conversation, or how to open one.
#[component]
pub fn ConversationPane() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let open = Memo::new(move |_| desk.open_id());
    follow(move || match open.get() {
        None => view! { <NothingOpen /> }.into_any(),
        Some(id) => view! { <OpenConversation id /> }.into_any(),
    })
}

#[component]
fn OpenConversation(id: ConversationId) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let chat = Chat { desk, id };
    provide_context(chat);
    features::provide();
    provide_context(Scroll::new(desk));
    let status = Memo::new(move |_| chat.status());
    let name = Memo::new(move |_| chat.name());
    let label = move || name.with(|name| format!("Conversation with {name}"));
    let absent = Memo::new(move |_| Some(status.get()).filter(|status| status.is_absent()));
    Effect::new(move |_| take_focus(desk));
    let messages = move || match status.get() {
        ChatStatus::Ready => view! { <MessageLog /> }.into_any(),
        ChatStatus::Loading => view! { <Skeleton /> }.into_any(),
        ChatStatus::Failed => view! { <CouldNotLoad /> }.into_any(),
        ChatStatus::NotFound | ChatStatus::Left => ().into_any(),
    };
    follow(move || match absent.get() {
        Some(ChatStatus::Left) => view! { <NoLongerMember /> }.into_any(),
        Some(_) => view! { <NoSuchConversation /> }.into_any(),
        None => view! {
            <section class="conversation-pane" aria-label=move || label()>
                <Header name />
                {follow(messages)}
                <Composer />
                <Details />
                <MembersSide />
            </section>
        }
        .into_any(),
    })
}

/// For a panel beside the messages: they are narrower while it is there. The reader's place stays.
pub(crate) fn keep_place(chat: Chat) {
    let Some(scroll) = use_context::<Scroll>() else { return };
    Effect::new(move |_| {
        scroll.settle(chat, false);
        on_cleanup(move || scroll.settle(chat, false));
    });
}

/// A conversation that is opened takes the keyboard: to write, or, where a field would bring up a keyboard on the
/// screen, to its heading. Not from somebody who has begun to use the page while it was loading.
fn take_focus(desk: Desk) {
    if desk.is_first_page() && has_focus() {
        return;
    }
    let target = if is_touched() { ".conversation-pane h1" } else { "#composer" };
    focus_soon(target.into());
}
