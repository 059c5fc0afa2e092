//! Who a conversation is with, and the way back to the list.

use crate::conversations::{Desk, RouteLink};
use crate::route::Route;
use crate::ui::avatar::Avatar;
use crate::ui::icon::Icon;
use crate::ui::person::{conversation_name, others};
use kafkatalk_protocol::Conversation;
use leptos::prelude::*;

#[component]
pub(super) fn Header(conversation: Conversation) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let viewer = desk.viewer_id();
    let name = conversation_name(&conversation.members, viewer);
    let person = others(&conversation.members, viewer).first().map(|person| (*person).clone());
    view! {
        <header class="pane-head">
            <RouteLink
                route=Route::Conversations { to: None }
                class="button-icon back"
                label="Back to conversations"
            >
                {Icon::Back.view()}
            </RouteLink>
            {person.map(|user| view! { <Avatar user small=true /> })}
            <h1 dir="auto">{name}</h1>
        </header>
    }
}
