//! The list of one who has no conversation yet.

use super::own_link::OwnLink;
use crate::desk::Desk;
use crate::ui::event::handler;
use crate::ui::icon::Icon;
use leptos::prelude::*;

/// Helps to find the first person, or to be found.
#[component]
pub(super) fn EmptyList() -> impl IntoView {
    let desk = expect_context::<Desk>();
    view! {
        <div class="empty-list">
            <h2>"No conversations yet"</h2>
            <p>"Find a person by the start of their name."</p>
            <button
                class="button button-primary"
                type="button"
                on:click=handler(move |_| desk.start_conversation())
            >
                {Icon::Search.view()}
                <span>"Find someone"</span>
            </button>
            <p class="empty-or">"Or send your own link: whoever opens it can write to you."</p>
            <OwnLink />
        </div>
    }
}
