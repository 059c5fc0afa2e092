//! Who a conversation is with, and the way back to the list.

use super::Chat;
use crate::conversations::RouteLink;
use crate::features::members::MembersButton;
use crate::route::Route;
use crate::ui::avatar::Avatar;
use crate::ui::icon::Icon;
use crate::ui::person::Picture;
use leptos::prelude::*;

#[component]
pub(super) fn Header(
    /// What the conversation is called.
    name: Memo<String>,
) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let picture = Memo::new(move |_| Picture::of_conversation(chat.id, &chat.people()));
    let avatar = move || picture.get().map(|picture| view! { <Avatar picture small=true /> });
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
            <h1 dir="auto" tabindex="-1">{name}</h1>
            <MembersButton />
        </header>
    }
}
