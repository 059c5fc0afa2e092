//! The pane with the list of conversations.

use super::Desk;
use super::empty::EmptyList;
use super::item::ListItem;
use crate::ui::avatar::Avatar;
use crate::ui::icon::{Icon, Logo};
use leptos::prelude::*;

#[component]
pub(super) fn ListPane() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let viewer = desk.viewer();
    let empty = move || desk.conversations.read().is_empty();
    view! {
        <nav class="list-pane" aria-label="Conversations">
            <header class="pane-head">
                <Logo />
                <h1>"Conversations"</h1>
                <button
                    class="button-icon"
                    type="button"
                    aria-label="New conversation"
                    title="New conversation"
                    on:click=move |_| desk.finding.set(true)
                >
                    {Icon::Compose.view()}
                </button>
            </header>
            <Show when=move || !empty() fallback=|| view! { <EmptyList /> }>
                <ul class="list" role="list" aria-label="Conversations">
                    <For each=move || desk.conversations.get() key=|conversation| conversation.id let:conversation>
                        <ListItem conversation />
                    </For>
                </ul>
            </Show>
            <footer class="pane-foot">
                <Avatar user=viewer.clone() small=true />
                <span class="viewer-name" dir="auto">{viewer.username.to_string()}</span>
                <form method="post" action="/sign-out">
                    <button class="button-icon" type="submit" aria-label="Sign out" title="Sign out">
                        {Icon::SignOut.view()}
                    </button>
                </form>
            </footer>
        </nav>
    }
}
