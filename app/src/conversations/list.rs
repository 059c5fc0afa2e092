//! The pane with the list of conversations.

use super::empty::EmptyList;
use super::find::FindPanel;
use super::item::ListItem;
use crate::client::{Action, Edge, LinkView, Row};
use crate::deferred::{DeferredPanel, Draw, Fetching, Missing};
use crate::desk::Desk;
use crate::desk::{NEW_CONVERSATION, SEARCH};
use crate::ui::avatar::Avatar;
use crate::ui::event::handler;
use crate::ui::focus;
use crate::ui::follow::{follow, text, words};
use crate::ui::icon::{Icon, Logo};
use crate::ui::person::Picture;
use kafkatalk_protocol::ConversationId;
use leptos::{
    ev::{KeyboardEvent, SubmitEvent},
    html::Ul,
    prelude::*,
    wasm_split::wasm_split,
};
use std::{collections::HashMap, sync::Arc};

/// How near to its end the list is paged on, in pixels.
const NEAR_END_PX: i32 = 400;

#[component]
pub(super) fn ListPane() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let finding = Memo::new(move |_| desk.finding.with(Option::is_some));
    view! {
        <nav class="list-pane" aria-label="Conversations">
            <header class="pane-head">
                <Logo />
                <h1>"Conversations"</h1>
                {finder_button(desk, SEARCH, "Search", Icon::Search)}
                {finder_button(desk, NEW_CONVERSATION, "New conversation", Icon::Compose)}
            </header>
            {follow(move || (!finding.get()).then(|| view! { <ListOrEmpty /> }))}
            <DeferredPanel
                open=finding
                close=move |()| desk.close_finding()
                fetch=fetch_find_panel
                words=finding_words(desk)
            />
            <Viewer />
        </nav>
    }
}

fn fetch_find_panel() -> Fetching {
    Box::pin(find_panel())
}

#[allow(clippy::unnecessary_wraps, reason = "the macro adds what may fail")]
#[wasm_split(find, wasm_split_path = ::leptos::wasm_split, fallible)]
fn find_panel() -> Result<Draw, Missing> {
    Ok(|| view! { <FindPanel /> }.into_any())
}

/// What stands in the place of the panel for finding, until that is there.
fn finding_words(desk: Desk) -> &'static str {
    let looks = desk.finding.with_untracked(|finding| finding.as_ref().is_some_and(|name| !name.is_empty()));
    if looks { "Searching" } else { "Loading" }
}

fn finder_button(desk: Desk, id: &'static str, name: &'static str, icon: Icon) -> impl IntoView {
    view! {
        <button
            class="button-icon"
            type="button"
            id=id
            aria-label=name
            title=name
            aria-expanded=move || desk.finding.with(Option::is_some).to_string()
            on:click=handler(move |_| desk.toggle_finding(id))
        >
            {icon.view()}
        </button>
    }
}

#[component]
fn ListOrEmpty() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let empty =
        Memo::new(move |_| desk.live.list.with(|list| list.rows.is_empty() && list.more == Edge::End));
    follow(
        move || if empty.get() { view! { <EmptyList /> }.into_any() } else { view! { <List /> }.into_any() },
    )
}

#[component]
fn List() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let list = NodeRef::<Ul>::new();
    let rows: Memo<Arc<HashMap<ConversationId, Row>>> = Memo::new(move |_| {
        desk.live.list.with(|list| Arc::new(list.rows.iter().map(|row| (row.id, row.clone())).collect()))
    });
    let ids = Memo::new(move |_| {
        desk.live.list.with(|list| list.rows.iter().map(|row| row.id).collect::<Vec<_>>())
    });
    let on_scroll = move |_| {
        let near = list.get_untracked().is_some_and(|list| {
            list.scroll_height() - list.scroll_top() - list.client_height() < NEAR_END_PX
        });
        if near && desk.live.list.with_untracked(|list| list.more == Edge::More) {
            desk.act(Action::LoadMoreConversations);
        }
    };
    let more = move || desk.live.list.with(|list| list.more);
    view! {
        <ul class="list" role="list" aria-label="Conversations" node_ref=list on:scroll=handler(on_scroll) on:keydown=handler(on_key)>
            <For
                each=move || ids.get()
                key=|id| *id
                children=move |id| {
                    rows.with_untracked(|rows| rows.get(&id).cloned())
                        .map(|first| {
                            // One that is about to be removed keeps its last state.
                            let row = Memo::new(move |previous: Option<&Row>| {
                                rows.with(|rows| rows.get(&id).or(previous).unwrap_or(&first).clone())
                            });
                            view! { <ListItem row /> }
                        })
                }
            />
            {follow(move || edge_view(desk, more()))}
        </ul>
    }
}

fn edge_view(desk: Desk, more: Edge) -> Option<impl IntoView> {
    let said = match more {
        Edge::End => return None,
        Edge::More => "Show more conversations",
        Edge::Loading => "Loading",
        Edge::Failed => "Couldn't load more. Try again",
    };
    Some(view! {
        <li class="list-more">
            <button class="button-quiet" type="button" on:click=handler(move |_| desk.act(Action::LoadMoreConversations))>
                {words(move || said.to_owned())}
            </button>
        </li>
    })
}

/// Up and down go from one conversation to the next.
fn on_key(event: KeyboardEvent) {
    let step = match event.key().as_str() {
        "ArrowDown" => focus::Step::Next,
        "ArrowUp" => focus::Step::Previous,
        "Home" => focus::Step::First,
        "End" => focus::Step::Last,
        _ => return,
    };
    if focus::move_among(&event, ".item", step) {
        event.prevent_default();
    }
}

/// What signing out loses, as a question; none where it loses nothing.
fn loss(view: LinkView) -> Option<String> {
    match view.waiting + view.failed {
        0 => None,
        1 => Some("1 message has not been sent. Sign out and delete it?".into()),
        count => Some(format!("{count} messages have not been sent. Sign out and delete them?")),
    }
}

/// The client ends the session, and empties the device once that is done. Without a script the form ends it.
fn sign_out(desk: Desk, event: &SubmitEvent) {
    event.prevent_default();
    let question = loss(desk.live.link.get_untracked());
    if question.is_none_or(|question| window().confirm_with_message(&question).unwrap_or(true)) {
        desk.act(Action::SignOut);
    }
}

/// Who is signed in, and the way out.
#[component]
fn Viewer() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let viewer = desk.viewer();
    let failed = Memo::new(move |_| desk.live.link.with(|view| view.sign_out_failed));
    view! {
        <p
            class="sign-out-failed"
            role="alert"
            prop:textContent=text(move || {
                let said = "You can't sign out now. Try again when there is a connection.";
                if failed.get() { said.to_owned() } else { String::new() }
            })
        ></p>
        <footer class="pane-foot">
            <Avatar picture=Picture::of(&viewer) small=true />
            <span class="viewer-name" dir="auto">{viewer.username.to_string()}</span>
            <form method="post" action="/sign-out" on:submit=handler(move |event| sign_out(desk, &event))>
                <button class="button-icon" type="submit" aria-label="Sign out" title="Sign out">
                    {Icon::SignOut.view()}
                </button>
            </form>
        </footer>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Link;

    #[test]
    fn signing_out_asks_before_it_deletes_what_was_not_sent() {
        let view = |waiting, failed| LinkView { waiting, failed, ..LinkView::of(Link::Live) };
        assert_eq!(loss(view(0, 0)), None);
        assert_eq!(loss(view(0, 1)).unwrap(), "1 message has not been sent. Sign out and delete it?");
        assert_eq!(loss(view(2, 1)).unwrap(), "3 messages have not been sent. Sign out and delete them?");
    }
}
