//! The list of conversations, finding people, and the frame around both panes.

mod banner;
mod empty;
mod find;
mod item;
mod list;
mod own_link;

use crate::chat::text::preview;
use crate::client::Link;
use crate::conversation::ConversationPane;
use crate::desk::Desk;
use crate::live::Live;
use crate::page::PageModel;
use crate::route::{Route, safe_next};
#[cfg(feature = "hydrate")]
use crate::takeover::take_over;
use crate::title;
use crate::ui::escape;
use crate::ui::follow::words;
use crate::ui::icon::Logo;
use banner::ConnectionBanner;
use leptos::{html::Main, prelude::*};
use leptos_router::{components::Outlet, hooks::use_location};
use list::ListPane;

/// Both panes: the list, and what is open. On a phone one at a time.
#[component]
pub fn ConversationsPage(
    /// The client's state.
    live: Live,
    /// What to start from.
    model: PageModel,
) -> impl IntoView {
    let desk = Desk::new(live, &model);
    provide_context(desk);
    escape::provide();
    let drawn = NodeRef::new();
    Effect::new(move |_| start(desk, drawn));
    let address = use_location();
    Effect::new(move |_| {
        desk.follow(Route::parse(&address.pathname.read(), Some(&address.search.read())));
    });
    keep_title(desk);
    let ended = Memo::new(move |_| desk.live.link.with(|view| view.link == Link::Ended));
    let pane = move || if desk.open_id().is_some() { "conversation" } else { "list" };
    view! {
        // Private messages are not for services that translate pages.
        <main class="desk" translate="no" data-pane=pane node_ref=drawn>
            <ConnectionBanner />
            <Show when=move || !ended.get() fallback=|| view! { <SignedOut /> }>
                <ListPane />
                <ConversationPane />
            </Show>
            <Announcements />
            <Outlet />
        </main>
    }
}

/// In the place of both panes once the session has ended, wherever that was done: nothing else is shown any more.
#[component]
fn SignedOut() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let next = untrack(|| desk.route.with(|route| safe_next(&route.to_string())));
    view! {
        <section class="signed-out blank" role="alert">
            <Logo />
            <h1>"You are signed out"</h1>
            <a class="button button-primary" rel="external" href=Route::SignIn { next }.to_string()>
                "Sign in"
            </a>
        </section>
    }
}

#[cfg(feature = "hydrate")]
fn start(desk: Desk, drawn: NodeRef<Main>) {
    if let Some(drawn) = drawn.get_untracked() {
        take_over(&drawn);
    }
    desk.clock.start();
    desk.live.start();
}

#[cfg(not(feature = "hydrate"))]
fn start(_: Desk, _: NodeRef<Main>) {}

/// The title says where one is and how much is unread.
fn keep_title(desk: Desk) {
    let title = Memo::new(move |_| {
        let unread = desk.live.list.with(|list| list.rows.iter().map(|row| row.unread).sum());
        let name = desk.live.chat.with(|chat| chat.as_ref().and_then(title::chat_name));
        title::title(&desk.route.with(|route| title::place(route, name.as_deref())), unread)
    });
    Effect::new(move |_| document().set_title(&title.get()));
}

/// New messages, for those who hear the page.
#[component]
fn Announcements() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let said = move || {
        desk.live.announced.with(|message| {
            let message = message.as_ref()?;
            let said = preview(message.body.as_str());
            // A notice names who did it.
            Some(if message.notice.is_some() { said } else { format!("{}: {said}", message.sender.username) })
        })
    };
    view! { <p class="visually-hidden" aria-live="polite">{words(move || said().unwrap_or_default())}</p> }
}
