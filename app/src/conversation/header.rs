//! Who a conversation is with, and the way back to the list.

use crate::conversations::RouteLink;
use crate::route::Route;
use crate::ui::avatar::Avatar;
use crate::ui::icon::Icon;
use crate::ui::person::names;
use kafkatalk_protocol::User;
use leptos::prelude::*;
use std::sync::Arc;

#[component]
pub(super) fn Header(others: Memo<Arc<[User]>>) -> impl IntoView {
    let avatar = move || {
        others.with(|others| others.first().cloned()).map(|user| view! { <Avatar user small=true /> })
    };
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
        </header>
    }
}
