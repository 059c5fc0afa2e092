//! How one begins to reply, and the bar above the composer meanwhile.

use crate::chat::text::preview;
use crate::chat::{Chat, MessageAction};
use crate::client::{Action, Item};
use crate::features::edit::Editing;
use crate::ui::event::handler;
use crate::ui::focus::focus_soon;
use crate::ui::follow::follow;
use crate::ui::icon::Icon;
use kafkatalk_protocol::Offset;
use leptos::prelude::*;

/// The message that the next one replies to.
#[derive(Clone, Copy)]
pub(crate) struct Replying(RwSignal<Option<Offset>>);

impl Replying {
    /// Of the open conversation.
    pub(crate) fn of_context() -> Self {
        expect_context()
    }

    /// The message that the next one replies to; none where it replies to none.
    pub(crate) fn to(self) -> Option<Offset> {
        self.0.get()
    }

    /// The next message replies to that one, or to none.
    pub(crate) fn set(self, to: Option<Offset>) {
        self.0.set(to);
    }
}

/// See [`crate::features::provide`].
pub(crate) fn provide() {
    provide_context(Replying(RwSignal::new(None)));
}

/// In the menu of a message.
pub(crate) fn action(_: Chat, item: &Item) -> Option<MessageAction> {
    let offset = item.offset().filter(|_| item.in_log() && !item.deleted())?;
    let (replying, editing) = (Replying::of_context(), Editing::of_context());
    let run = Callback::new(move |()| {
        editing.set(None);
        replying.set(Some(offset));
        focus_soon("#composer".into());
    });
    Some(MessageAction { label: "Reply", icon: Icon::Reply, danger: false, run })
}

/// What the bar says: whom the reply is to, and how the message begins.
fn words(item: &Item) -> (String, String) {
    let name = if item.own() { "yourself".into() } else { item.sender().username.to_string() };
    (format!("Replying to {name}"), preview(item.body()))
}

/// Says what one replies to, and ends that.
#[component]
pub(crate) fn ReplyBar() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let replying = Replying::of_context();
    let find = move |offset: Offset| {
        chat.read(|chat| {
            chat.items.iter().find(|item| item.in_log() && item.offset() == Some(offset)).cloned()
        })
        .flatten()
    };
    let aim = Memo::new(move |_| chat.read(|chat| chat.aim).flatten());
    // Returns what is still to be brought into view.
    Effect::new(move |before: Option<Option<Offset>>| {
        let aim = aim.get();
        match aim.and_then(find) {
            Some(item) => {
                chat.desk.aims.set_value(true);
                chat.desk.sought.set(Some(item.key()));
                chat.desk.act(Action::Reached);
                return None;
            }
            // The person did something else meanwhile.
            None if aim.is_none() && before.flatten().is_some() => chat.desk.aims.set_value(false),
            None => {}
        }
        aim
    });
    // It is drawn again only when what it says changes: the button in it may have the focus.
    let quoted = Memo::new(move |_| replying.to().map(|offset| find(offset).map(|item| words(&item))));
    follow(move || {
        quoted.get().map(|quoted| {
            let (title, text) = quoted.unwrap_or_else(|| ("Replying".into(), String::new()));
            view! {
                <div class="composer-bar" role="status">
                    {Icon::Reply.view()}
                    <span class="composer-bar-words">
                        {title} <span class="composer-bar-text" dir="auto">{text}</span>
                    </span>
                    <button
                        class="button-icon"
                        type="button"
                        aria-label="Cancel reply"
                        title="Cancel reply"
                        on:click=handler(move |_| {
                            replying.set(None);
                            focus_soon("#composer".into());
                        })
                    >
                        {Icon::Close.view()}
                    </button>
                </div>
            }
        })
    })
}
