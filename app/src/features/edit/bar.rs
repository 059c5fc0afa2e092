//! How one begins to edit, and the bar above the composer meanwhile.

use crate::chat::{Chat, MessageAction};
use crate::client::{ChatView, Item};
use crate::ui::event::handler;
use crate::ui::follow::follow;
use crate::ui::icon::Icon;
use kafkatalk_protocol::Offset;
use leptos::prelude::*;

/// The message that is edited: where it is, and the text that it has.
#[derive(Clone, Copy)]
pub(crate) struct Editing(RwSignal<Option<(Offset, String)>>);

impl Editing {
    /// Of the open conversation.
    pub(crate) fn of_context() -> Self {
        expect_context()
    }

    /// The message; none while new ones are written.
    pub(crate) fn message(self) -> Option<(Offset, String)> {
        self.0.get()
    }

    /// Edits that one from now on, or none.
    pub(crate) fn set(self, message: Option<(Offset, String)>) {
        self.0.set(message);
    }
}

/// See [`crate::features::provide`].
pub(crate) fn provide() {
    provide_context(Editing(RwSignal::new(None)));
}

/// The message that "edit the last one" means.
pub(crate) fn last_editable(chat: &ChatView) -> Option<(Offset, String)> {
    chat.items.iter().rev().find(|item| item.own() && !item.deleted()).and_then(editable)
}

fn editable(item: &Item) -> Option<(Offset, String)> {
    Some((item.offset().filter(|_| item.own() && item.in_log() && !item.deleted())?, item.body().to_owned()))
}

/// In the menu of a message.
pub(crate) fn action(_: Chat, item: &Item) -> Option<MessageAction> {
    let message = editable(item)?;
    let editing = Editing::of_context();
    let run = Callback::new(move |()| editing.set(Some(message.clone())));
    Some(MessageAction { label: "Edit", icon: Icon::Edit, danger: false, run })
}

/// Says that a message is edited, and ends that.
#[component]
pub(crate) fn EditBar(
    /// The person keeps the old text.
    on_cancel: Callback<()>,
) -> impl IntoView {
    let editing = Editing::of_context();
    follow(move || {
        editing.message().map(|_| {
            view! {
                <div class="composer-bar" role="status">
                    {Icon::Edit.view()}
                    <span class="composer-bar-words">"Editing message"</span>
                    <button
                        class="button-icon"
                        type="button"
                        aria-label="Cancel editing"
                        title="Cancel editing"
                        on:click=handler(move |_| on_cancel.run(()))
                    >
                        {Icon::Close.view()}
                    </button>
                </div>
            }
        })
    })
}
