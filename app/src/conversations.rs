//! The list of conversations, finding people, and the frame around both panes.

mod banner;
mod desk;
mod empty;
mod find;
mod item;
mod link;
mod list;

pub use desk::Desk;
pub use link::RouteLink;

use crate::conversation::ConversationPane;
use crate::page::PageModel;
use banner::ConnectionBanner;
use kafkatalk_protocol::User;
use leptos::prelude::*;
use list::ListPane;

/// Both panes: the list, and what is open. On a phone one at a time.
#[component]
pub fn ConversationsPage(
    /// Who is signed in.
    viewer: User,
    /// What to start from.
    model: PageModel,
) -> impl IntoView {
    let desk = Desk::new(viewer, &model);
    provide_context(desk);
    let pane = move || if desk.route.read().conversation().is_some() { "conversation" } else { "list" };
    view! {
        <main class="desk" data-pane=pane>
            <ConnectionBanner />
            <ListPane />
            <ConversationPane />
        </main>
    }
}
