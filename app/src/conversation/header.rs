//! Who a conversation is with, and the way back to the list.

use crate::chat::Chat;
use crate::desk::RouteLink;
use crate::features::{members::MembersButton, presence, typing};
use crate::route::Route;
use crate::ui::avatar::Avatar;
use crate::ui::follow::{follow, words};
use crate::ui::icon::Icon;
use crate::ui::person::Picture;
use leptos::prelude::*;

#[component]
pub(super) fn Header(
    /// What the conversation is called.
    name: Memo<String>,
) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let picture = move || Picture::of_conversation(chat.id, &chat.people());
    let avatar = move || picture().map(|picture| view! { <Avatar picture small=true /> });
    view! {
        <header class="pane-head">
            <RouteLink
                route=Route::Conversations { to: None }
                class="button-icon back"
                label="Back to conversations"
                back=true
            >
                {Icon::Back.view()}
            </RouteLink>
            {follow(avatar)}
            <div class="head-words">
                <h1 dir="auto" tabindex="-1">{words(move || name.get())}</h1>
                <p class="head-status">{words(move || status(chat).unwrap_or_default())}</p>
            </div>
            <MembersButton />
        </header>
    }
}

/// Who is typing; in a conversation of two else whether the other one is there.
fn status(chat: Chat) -> Option<String> {
    let (live, people) = (chat.desk.live, chat.people());
    typing::words(&typing::typing_in(live, chat.id), &people.others).or_else(|| {
        let presence = presence::presence_of(live, presence::peer(&people)?)?;
        presence::words(presence, chat.desk.clock)
    })
}
