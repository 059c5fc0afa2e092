//! The button that tells how many members there are, and the place of the panel that it opens.

use super::panel::MembersPanel;
use super::shared::{Side, count};
use crate::chat::Chat;
use crate::deferred::{DeferredPanel, Draw, Fetching, Missing};
use crate::ui::event::handler;
use crate::ui::follow::{follow, words};
use leptos::{prelude::*, wasm_split::wasm_split};

/// Opens and closes the panel; nothing for two people.
#[component]
pub(crate) fn MembersButton() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let side = Side::of_context();
    let members = move || {
        let people = chat.people();
        people.group.is_some().then(|| count(&people))
    };
    follow(move || {
        members().map(|members| {
            view! {
                <button
                    id="members-button"
                    class="button-quiet"
                    type="button"
                    aria-expanded=move || side.is_shown(chat).to_string()
                    on:click=handler(move |_| {
                        let shown = untrack(|| side.is_shown(chat));
                        chat.desk.details.set(None);
                        side.show(!shown);
                    })
                >
                    {words(move || members.clone())}
                </button>
            }
        })
    })
}

/// The place of the panel.
#[component]
pub(crate) fn MembersSide() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let side = Side::of_context();
    let open = Memo::new(move |_| side.is_shown(chat));
    view! { <DeferredPanel open close=move |()| side.close() fetch=fetch_members_panel words="Loading" /> }
}

fn fetch_members_panel() -> Fetching {
    Box::pin(members_panel())
}

#[allow(clippy::unnecessary_wraps, reason = "the macro adds what may fail")]
#[wasm_split(members, wasm_split_path = ::leptos::wasm_split, fallible)]
fn members_panel() -> Result<Draw, Missing> {
    Ok(|| view! { <MembersPanel /> }.into_any())
}
