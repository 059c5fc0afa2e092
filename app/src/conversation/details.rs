//! The place of the panel that tells about one message.

mod panel;

use crate::chat::Chat;
use crate::deferred::{DeferredPanel, Draw, Fetching, Missing};
use crate::ui::focus::{focus_now, focus_soon};
use leptos::{prelude::*, wasm_split::wasm_split};
use panel::DetailsPanel;

#[component]
pub(super) fn Details() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let open = Memo::new(move |_| chat.desk.details.with(Option::is_some));
    view! { <DeferredPanel open close=move |()| close(chat) fetch=fetch_details_panel words="Loading" /> }
}

/// Closes the panel; the keyboard goes back to the message, where it is still there.
fn close(chat: Chat) {
    if !focus_now(".message.told") {
        focus_soon(".log".into());
    }
    chat.desk.details.set(None);
}

fn fetch_details_panel() -> Fetching {
    Box::pin(details_panel())
}

#[allow(clippy::unnecessary_wraps, reason = "the macro adds what may fail")]
#[wasm_split(details, wasm_split_path = ::leptos::wasm_split, fallible)]
fn details_panel() -> Result<Draw, Missing> {
    Ok(|| view! { <DetailsPanel /> }.into_any())
}
