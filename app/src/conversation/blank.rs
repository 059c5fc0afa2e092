//! What the pane shows where there are no messages to show.

use crate::chat::Chat;
use crate::client::{Action, Link};
use crate::desk::{Desk, RouteLink};
use crate::route::Route;
use crate::ui::event::handler;
use crate::ui::follow::words;
use crate::ui::icon::{Icon, Logo};
use leptos::prelude::*;

#[component]
pub(super) fn NothingOpen() -> impl IntoView {
    let desk = expect_context::<Desk>();
    view! {
        <section class="conversation-pane blank" aria-label="No conversation open">
            <Logo />
            <p>"Choose a conversation, or start a new one."</p>
            <button class="button" type="button" on:click=handler(move |_| desk.start_conversation())>
                {Icon::Compose.view()}
                <span>"Start a conversation"</span>
            </button>
        </section>
    }
}

#[component]
pub(super) fn NoSuchConversation() -> impl IntoView {
    absent("Conversation not found", "It is not there, or you are not in it.")
}

#[component]
pub(super) fn NoLongerMember() -> impl IntoView {
    absent("You are no longer a member", "You left this group, or somebody removed you from it.")
}

/// In the place of a conversation that the viewer cannot see.
fn absent(title: &'static str, words: &'static str) -> impl IntoView {
    view! {
        <section class="conversation-pane blank" aria-label=title>
            <Logo />
            <h1>{title}</h1>
            <p>{words}</p>
            <RouteLink route=Route::Conversations { to: None } class="button button-primary">
                "Go to your conversations"
            </RouteLink>
        </section>
    }
}

/// In the place of messages that could not be loaded.
#[component]
pub(super) fn CouldNotLoad() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let said = move || match chat.desk.live.link.with(|view| view.link) {
        Link::Offline => "You're offline. Messages will load when you're back.",
        _ => "Couldn't load messages. Retrying...",
    };
    view! {
        <div class="log log-blank">
            <p role="alert">{words(move || said().to_owned())}</p>
            <button class="button" type="button" on:click=handler(move |_| chat.desk.act(Action::Reload))>
                {Icon::Retry.view()}
                <span>"Try again"</span>
            </button>
        </div>
    }
}

/// In the place of messages that are being loaded. It shows after a moment, so that a quick answer does not flash.
#[component]
pub(super) fn Skeleton() -> impl IntoView {
    view! {
        <div class="log log-skeleton" role="status" aria-label="Loading messages">
            <div class="log-inner" aria-hidden="true">
                <i class="bone"></i>
                <i class="bone bone-mine"></i>
                <i class="bone bone-wide"></i>
                <i class="bone bone-mine bone-wide"></i>
            </div>
        </div>
    }
}

/// In the place of the messages of a conversation that has none.
#[component]
pub(super) fn NothingSaid() -> impl IntoView {
    view! {
        <div class="nothing-said">
            <p class="nothing-title">"No messages yet"</p>
            <p>"Say hello."</p>
        </div>
    }
}
