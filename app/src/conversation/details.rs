//! The place of the panel that tells about one message.

mod panel;

use crate::chat::Chat;
use crate::deferred::{Deferred, Draw, Fetching, Missing};
use leptos::{prelude::*, wasm_split::wasm_split};
use panel::DetailsPanel;

#[component]
pub(super) fn Details() -> impl IntoView {
    let chat = expect_context::<Chat>();
    view! {
        <Show when=move || chat.desk.details.with(Option::is_some)>
            <Deferred fetch=fetch_details_panel words="Loading" />
        </Show>
    }
}

fn fetch_details_panel() -> Fetching {
    Box::pin(details_panel())
}

#[allow(clippy::unnecessary_wraps, reason = "the macro adds what may fail")]
#[wasm_split(details, wasm_split_path = ::leptos::wasm_split, fallible)]
fn details_panel() -> Result<Draw, Missing> {
    Ok(|| view! { <DetailsPanel /> }.into_any())
}
