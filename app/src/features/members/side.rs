//! The button that tells how many members there are, and the place of the panel that it opens.

use super::panel::MembersPanel;
use crate::chat::Chat;
use crate::client::People;
use crate::deferred::{Deferred, Draw, Fetching, Missing};
use crate::ui::event::handler;
use crate::ui::focus::focus_soon;
use leptos::{prelude::*, wasm_split::wasm_split};

/// Whether the panel of the open conversation is open.
#[derive(Clone, Copy)]
pub(super) struct Side(RwSignal<bool>);

impl Side {
    pub(super) fn of_context() -> Self {
        expect_context()
    }

    /// One panel at a time: that of a message hides this one.
    fn is_shown(self, chat: Chat) -> bool {
        self.0.get() && chat.desk.details.with(Option::is_none)
    }

    /// Closes the panel; the keyboard goes back to its button.
    pub(super) fn close(self) {
        self.0.set(false);
        focus_soon("#members-button".into());
    }
}

/// See [`crate::features::provide`].
pub(crate) fn provide() {
    provide_context(Side(RwSignal::new(false)));
}

/// How many members a group has, in words.
pub(super) fn count(people: &People) -> String {
    match people.others.len() + 1 {
        1 => "1 member".into(),
        members => format!("{members} members"),
    }
}

/// Opens and closes the panel; nothing for two people.
#[component]
pub(crate) fn MembersButton() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let side = Side::of_context();
    let words = Memo::new(move |_| {
        let people = chat.people();
        people.group.is_some().then(|| count(&people))
    });
    move || {
        words.get().map(|words| {
            view! {
                <button
                    id="members-button"
                    class="button-quiet"
                    type="button"
                    aria-expanded=move || side.is_shown(chat).to_string()
                    on:click=handler(move |_| {
                        let shown = untrack(|| side.is_shown(chat));
                        chat.desk.details.set(None);
                        side.0.set(!shown);
                    })
                >
                    {words}
                </button>
            }
        })
    }
}

/// The place of the panel.
#[component]
pub(crate) fn MembersSide() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let side = Side::of_context();
    view! {
        <Show when=move || side.is_shown(chat)>
            <Deferred fetch=fetch_members_panel words="Loading" />
        </Show>
    }
}

fn fetch_members_panel() -> Fetching {
    Box::pin(members_panel())
}

#[allow(clippy::unnecessary_wraps, reason = "the macro adds what may fail")]
#[wasm_split(members, wasm_split_path = ::leptos::wasm_split, fallible)]
fn members_panel() -> Result<Draw, Missing> {
    Ok(|| view! { <MembersPanel /> }.into_any())
}
