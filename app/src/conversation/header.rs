//! Who a conversation is with, and the way back to the list.

use super::Chat;
use crate::conversations::RouteLink;
use crate::route::Route;
use crate::ui::avatar::{Avatar, conversation_avatar};
use crate::ui::icon::Icon;
use crate::ui::person::names;
use kafkatalk_protocol::User;
use leptos::prelude::*;
use std::sync::Arc;

#[component]
pub(super) fn Header(others: Memo<Arc<[User]>>) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let avatar = move || others.with(|others| conversation_avatar(chat.id, others, true));
    let members = move || others.with(|others| (others.len() > 1).then(|| members_view(chat, others)));
    view! {
        <header class="pane-head">
            <RouteLink
                route=Route::Conversations { to: None }
                class="button-icon back"
                label="Back to conversations"
            >
                {Icon::Back.view()}
            </RouteLink>
            {move || avatar()}
            <h1 dir="auto" tabindex="-1">{move || others.with(|others| names(others))}</h1>
            {move || members()}
        </header>
    }
}

/// Who is in a group, behind a button. The browser opens and closes it.
fn members_view(chat: Chat, others: &[User]) -> impl IntoView + use<> {
    let viewer = chat.desk.viewer();
    let name = |user: &User, own: &str| format!("{}{own}", user.username);
    let people = others.iter().map(|user| (user.clone(), name(user, "")));
    let people = people.chain([(viewer.clone(), name(&viewer, " (you)"))]);
    let people = people.map(|(user, name)| {
        view! {
            <li class="person">
                <Avatar user small=true />
                <span class="item-name" dir="auto">{name}</span>
            </li>
        }
    });
    view! {
        <button class="button-icon" type="button" aria-label="Members" title="Members" popovertarget="members">
            {Icon::People.view()}
        </button>
        <section id="members" class="details" popover="auto" aria-labelledby="members-title">
            <header class="pane-head">
                <h2 id="members-title">{format!("{} members", others.len() + 1)}</h2>
                <button
                    class="button-icon"
                    type="button"
                    aria-label="Close members"
                    title="Close members"
                    popovertarget="members"
                    popovertargetaction="hide"
                >
                    {Icon::Close.view()}
                </button>
            </header>
            <ul class="people" role="list">{people.collect_view()}</ul>
        </section>
    }
}
