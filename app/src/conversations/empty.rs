//! The list of one who has no conversation yet.

use super::Desk;
use crate::route::Route;
use leptos::prelude::*;

/// Helps to find the first person, or to be found.
#[component]
pub(super) fn EmptyList() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let own = Route::Conversations { to: Some(desk.viewer().username.to_string()) }.to_string();
    view! {
        <div class="empty-list">
            <p class="empty-title">"No conversations yet"</p>
            <p>"Find a person by the start of their name, or send somebody your own link."</p>
            <button class="button button-primary" type="button" on:click=move |_| desk.finding.set(true)>
                "Find a person"
            </button>
            <p class="own-link"><a href=own.clone()>{own.clone()}</a></p>
        </div>
    }
}
